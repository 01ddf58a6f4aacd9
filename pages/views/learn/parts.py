"""The parts of every chapter, and their layout on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core import PRESETS, Experiment
from pages.views.learn import progress


@dataclass(frozen=True)
class Option:
    """A possible answer, and what there is to say to someone who gives it."""

    text: str
    reply: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """One question with two to four answers, exactly one of them right."""

    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Link:
    """A way to another page that opens exactly what the chapter speaks of."""

    page: str
    label: str
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chapter:
    """A chapter's content; `figure` draws its controls and its figure.

    A figure of several views is a mapping from their titles, in the order of their tabs.
    """

    text: str
    figure: Callable[[], None] | Mapping[str, Callable[[], None]]
    try_this: str
    question: Question
    links: tuple[Link, ...]


ICONS = {
    "pages/train.py": ":material/model_training:",
    "pages/draw.py": ":material/draw:",
    "pages/inspect.py": ":material/frame_inspect:",
}


def train_link(label: str, experiment: Experiment) -> Link:
    """A link that opens Train with exactly `experiment`; a preset by its name."""
    name = next((name for name, preset in PRESETS.items() if preset == experiment), None)
    query = (
        {"preset": name} if name else dict(parse_qsl(experiment.to_query(), keep_blank_values=True))
    )
    return Link("pages/train.py", label, query)


def show_chapter(
    number: int,
    title: str,
    lead: str,
    chapter: Chapter,
    *,
    paper: Literal["answers", "questions"] | None = None,
    onward: Callable[[], None] | None = None,
) -> None:
    """The chapter from its heading to its links; on `paper` with the answer, or only the question.

    It opens with the question that it answers, `lead`, and its figure. The style sheet puts the
    words beside the figure where there is room, and what `onward` shows below the figure.
    """
    with st.container(key=f"chapter_{number}"), st.container(key=f"layout_{number}"):
        with st.container(key=f"head_{number}"):
            st.header(f"{number}  {title}", anchor=f"chapter-{number}")
            st.markdown(lead)
        with st.container(key=f"figure_{number}"):
            show_figure(number, chapter, printed=paper is not None)
        with st.container(key=f"words_{number}"):
            st.markdown(chapter.text)
            with st.container(key=f"try_{number}"):
                st.markdown(f":material/touch_app: **Try this.** {chapter.try_this}")
        with st.container(key=f"after_{number}"):
            with st.container(border=True, key=f"question_{number}"):
                if paper is not None:
                    on_paper(chapter.question, with_answer=paper == "answers")
                else:
                    question(number, chapter.question)
            with st.container(horizontal=True, gap="xxsmall", key=f"links_{number}"):
                st.markdown(":material/science: **Now for real**", width="content")
                for link in chapter.links:
                    open_link(link)
        if onward is not None:
            onward()


def show_figure(number: int, chapter: Chapter, *, printed: bool) -> None:
    """The chapter's figure; its views lie behind tabs, on paper one below the other."""
    if not isinstance(chapter.figure, Mapping):
        chapter.figure()
        return
    titles = list(chapter.figure)
    places = [st.container() for _ in titles] if printed else st.tabs(titles, key=f"tabs_{number}")
    for place, draw in zip(places, chapter.figure.values(), strict=True):
        with place:
            draw()


def side_by_side(key: str, left: int, right: int) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two columns of these shares, one below the other where the figure is narrow."""
    with st.container(key=f"beside_{key}"):
        first, second = st.columns([left, right], gap="medium")
    return first, second


def open_link(link: Link) -> None:
    """A link to another page of the app."""
    icon = ICONS[link.page]
    st.page_link(link.page, label=link.label, icon=icon, query_params=link.query)


@st.fragment
def question(number: int, asked: Question) -> None:
    """The question; the answer that was given is explained, and remembered."""
    key = f"answer_{number}"
    texts = [option.text for option in asked.options]

    def answered() -> None:
        progress.answer(number, texts.index(st.session_state[key]))

    given = progress.answers().get(number)
    if given is not None and given < len(texts) and st.session_state.get(key) is None:
        st.session_state[key] = texts[given]
    st.markdown(f":material/help: **Question.** {asked.text}")
    chosen = st.radio(
        "Your answer",
        texts,
        index=None,
        key=key,
        on_change=answered,
        label_visibility="collapsed",
    )
    progress.keep(f"memory_{number}")
    if chosen is None:
        return
    option = asked.options[texts.index(chosen)]
    if option.right:
        st.success(f"**Right.** {option.reply}", icon=":material/check_circle:")
    else:
        st.warning(f"**Not quite.** {option.reply}", icon=":material/lightbulb:")


def on_paper(asked: Question, *, with_answer: bool) -> None:
    """The question as it is printed."""
    st.markdown(f"**Question.** {asked.text}")
    for option in asked.options:
        if with_answer:
            mark = ":material/check:" if option.right else ":material/close:"
            st.markdown(f"{mark} {option.text}  \n*{option.reply}*")
        else:
            st.markdown(f":material/check_box_outline_blank: {option.text}")
