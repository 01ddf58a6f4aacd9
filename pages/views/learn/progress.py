"""A learner's progress: chapters seen and questions answered, kept by their browser.

The session holds the progress while the page is open. A component without any look keeps a copy
in the browser's local storage, so that it outlasts reloads and restarts of the server, and needs
no account. Starting over raises `era`: of two copies the one with the higher era is right, and
two copies of one era add up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.streamlit_compat.selectors import with_selectors

CHAPTERS, ANSWERS = range(1, 10), range(8)

_JS = with_selectors("""
const KEY = "mnist-lab-lesson";
const read = () => {
  try { return JSON.parse(localStorage.getItem(KEY)) } catch { return null }
};
let shown;
export default function ({ data, parentElement, setStateValue }) {
  const { era, visited, answers } = data.progress;
  const kept = read();
  let now = { era, visited, answers };
  if (kept && kept.era > era) now = kept;
  if (kept && kept.era === era) {
    now.visited = [...new Set([...visited, ...(kept.visited ?? [])])].sort();
    now.answers = { ...kept.answers, ...answers };
  }
  try { localStorage.setItem(KEY, JSON.stringify(now)) } catch { /* private window: no memory */ }
  if (JSON.stringify(now) !== JSON.stringify({ era, visited, answers })) setStateValue("kept", now);
  // Another chapter begins at its top.
  const host = parentElement.host ?? parentElement;
  if (shown !== undefined && shown !== data.shown) {
    host.closest(':st(main)')?.scrollTo(0, 0);
  }
  shown = data.shown;
}
""")


@dataclass
class Progress:
    """`answers` maps a chapter's number to the answer that was given last, from 0."""

    era: int = 0
    visited: set[int] = field(default_factory=set)
    answers: dict[int, int] = field(default_factory=dict)


def progress() -> Progress:
    """The session's progress; one object, changed in place."""
    if "lesson_progress" not in st.session_state:
        st.session_state.lesson_progress = Progress()
    found: Progress = st.session_state.lesson_progress
    return found


def visit(chapter: int) -> None:
    """Note that a chapter has been opened."""
    progress().visited.add(chapter)


def answers() -> dict[int, int]:
    """The answers given so far."""
    return progress().answers


def answer(chapter: int, chosen: int) -> None:
    """Note an answer."""
    progress().answers[chapter] = chosen


def forget() -> None:
    """Start over, here and in the browser; `bring_back` undoes it."""
    st.session_state.lesson_forgotten = progress()
    st.session_state.lesson_progress = Progress(era=progress().era + 1)


def was_forgotten() -> bool:
    """True when there is something for `bring_back`."""
    return "lesson_forgotten" in st.session_state


def bring_back() -> None:
    """Bring back the progress from before the person started over, beside what came since."""
    before: Progress | None = st.session_state.pop("lesson_forgotten", None)
    if before is not None:
        now = progress()
        st.session_state.lesson_progress = Progress(
            now.era + 1, before.visited | now.visited, before.answers | now.answers
        )


def keep(key: str = "lesson_memory") -> None:
    """Let the browser remember the progress, and take over what it already knows.

    Whatever changes the progress in a fragment needs a call of its own there, with its own `key`.
    """
    now = progress()
    mount = st.components.v2.component("mnist_lab.progress", js=_JS)
    data = {
        "progress": {
            "era": now.era,
            "visited": sorted(now.visited),
            "answers": {str(chapter): chosen for chapter, chosen in sorted(now.answers.items())},
        },
        "shown": st.query_params.get("chapter", ""),
    }

    def take_over() -> None:
        merge(progress(), st.session_state[key].get("kept"))

    mount(key=key, data=data, on_kept_change=take_over)


def merge(mine: Progress, kept: Any) -> None:
    """Add what the browser kept to `mine`; whatever is not of the right form is left out."""
    if not isinstance(kept, dict) or not isinstance(kept.get("era"), int):
        return
    if kept["era"] < mine.era:
        return
    if kept["era"] > mine.era:
        mine.era, mine.visited, mine.answers = kept["era"], set(), {}
    visited, given = kept.get("visited"), kept.get("answers")
    if isinstance(visited, list):
        mine.visited |= {n for n in visited if n in CHAPTERS}
    if isinstance(given, dict):
        for chapter, chosen in given.items():
            if str(chapter).isdecimal() and int(chapter) in CHAPTERS and chosen in ANSWERS:
                mine.answers.setdefault(int(chapter), chosen)
