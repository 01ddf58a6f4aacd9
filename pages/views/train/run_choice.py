"""The run that the charts of Train show, and the other runs that lie over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from mnist_core.storage.store import Run, Store
from pages.session.compared_runs import MOST_COMPARED
from pages.session.network_choice import run_labels
from pages.widgets.layout import slot

MOST_LISTED = 200
# As the curves' colours follow one another in the charts.
DOTS = ("🔵", "🟠", "🟣", "🟢", "🟤", "⚪")


def shown_run(store: Store) -> str | None:
    """The id of the run that is shown, None while there is none."""
    chosen = st.session_state.get("shown_run")
    if chosen is not None and store.run(chosen) is not None:
        return str(chosen)
    runs = store.runs(limit=MOST_LISTED)
    active = [run.id for run in runs if run.active]
    st.session_state.shown_run = next(iter([*active, *(run.id for run in runs)]), None)
    return st.session_state.shown_run


def compared_runs(store: Store, chosen: str) -> tuple[str, ...]:
    """The ids of the runs that lie over the one that is shown."""
    found = st.session_state.get("compared", ())
    return tuple(run_id for run_id in found if run_id != chosen and store.run(run_id) is not None)


def run_picker(runs: Mapping[str, Run], others: Sequence[str]) -> None:
    """Choose the run that is shown, of `runs` by id; a dot says which curve is whose."""
    shown = st.session_state.shown_run
    names, marked, labels = list(runs), [shown, *others], run_labels(runs)

    def label(run_id: str) -> str:
        place = marked.index(run_id) if run_id in marked and others else None
        dot = "" if place is None else f"{DOTS[place % len(DOTS)]} "
        return dot + labels[run_id]

    with slot("run"):
        chosen = st.selectbox(
            "Run",
            names,
            index=names.index(shown) if shown in runs else 0,
            format_func=label,
            key=f"run-{shown}",
            label_visibility="collapsed",
        )
    if chosen != shown:
        st.session_state.shown_run = chosen
        st.rerun()


def compared(runs: Mapping[str, Run], chosen: str) -> None:
    """Choose the runs that lie over the one that is shown."""
    names, state = [name for name in runs if name != chosen], st.session_state
    labels = run_labels(runs)
    before = [name for name in state.get("compared", ()) if name in names]
    with slot("compared"):
        now = st.multiselect(
            "Compare with",
            names,
            default=before,
            format_func=lambda name: labels[name],
            max_selections=MOST_COMPARED,
            # A new key for what was laid over: the browser may still send what the old one held.
            key=f"compared-{state.get('compared_version', 0)}",
            placeholder="Overlay other runs",
        )
    if list(now) != before:
        state.compared = list(now)
        st.rerun()
