"""Which run the charts of Train show, and which other runs lie over it."""

from __future__ import annotations

import streamlit as st

from mnist_core.storage.store import Store
from pages.session.compared_runs import MOST_COMPARED
from pages.widgets.layout import slot

MOST_LISTED = 200


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


def run_picker(store: Store) -> None:
    """Choose the run that is shown."""
    runs = {run.id: run for run in store.runs(limit=MOST_LISTED)}
    shown = st.session_state.shown_run
    if shown not in runs and (run := store.run(shown)) is not None:
        runs[shown] = run
    names = list(runs)
    with slot("run"):
        chosen = st.selectbox(
            "Run",
            names,
            index=names.index(shown) if shown in runs else 0,
            format_func=lambda name: runs[name].name,
            key=f"run-{shown}",
            label_visibility="collapsed",
        )
    if chosen != shown:
        st.session_state.shown_run = chosen
        st.rerun()


def compared(store: Store, chosen: str) -> None:
    """Choose the runs that lie over the one that is shown."""
    runs = {run.id: run for run in store.runs(limit=MOST_LISTED)}
    names, state = [name for name in runs if name != chosen], st.session_state
    before = [name for name in state.get("compared", ()) if name in names]
    with slot("compared"):
        now = st.multiselect(
            "Compare with",
            names,
            default=before,
            format_func=lambda name: runs[name].name,
            max_selections=MOST_COMPARED,
            # A new key for what was laid over: the browser may still send what the old one held.
            key=f"compared-{state.get('compared_version', 0)}",
            placeholder="Lay other runs over it",
        )
    if list(now) != before:
        state.compared = list(now)
        st.rerun()
