"""Which run the charts of Train show, and which other runs lie over it."""

from __future__ import annotations

import streamlit as st

from mnist_core.storage.store import Run, Store
from pages.frame import projector
from pages.session.compared_runs import MOST_COMPARED
from pages.widgets.layout import slot


def run_choice(store: Store) -> tuple[str | None, list[str]]:
    """The run's id, None while there is none; and the ids of those to compare it with."""
    runs = {run.id: run for run in store.runs(limit=200)}
    if not runs:
        return None, []
    if st.session_state.get("shown_run") not in runs:
        active = [run.id for run in runs.values() if run.active]
        st.session_state.shown_run = (active or list(runs))[0]
    if projector.is_on():
        return st.session_state.shown_run, []
    names = list(runs)
    columns = st.columns([3, 2], gap="small")
    with columns[0], st.container(key="run_picker"), slot("run"):
        chosen = st.selectbox(
            "Run",
            names,
            index=names.index(st.session_state.shown_run),
            format_func=lambda name: runs[name].name,
            key=f"run-{st.session_state.shown_run}",
        )
    if chosen != st.session_state.shown_run:
        st.session_state.shown_run = chosen
        st.rerun()
    with columns[1], slot("compared"):
        others = _compared(runs, chosen)
    return chosen, others


def _compared(runs: dict[str, Run], chosen: str) -> list[str]:
    names = [name for name in runs if name != chosen]
    state = st.session_state
    state.compared = st.multiselect(
        "Compare with",
        names,
        default=[name for name in state.get("compared", ()) if name in names],
        format_func=lambda name: runs[name].name,
        max_selections=MOST_COMPARED,
        # A new key for what was laid over: the browser may still send what the old one held.
        key=f"compared-{state.get('compared_version', 0)}",
        placeholder="Lay other runs over it",
    )
    return list(state.compared)
