"""All of a person's runs in one table, and what can be done with those that are chosen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mnist_core.evaluation.compare_runs import matching
from mnist_core.storage.store import Run, StoreError
from pages.session.errors import fragment, said_later
from pages.session.queue_panel import queue_panel
from pages.session.services import get_engine, get_store, owner
from pages.views.explore.runs_chosen import chosen_runs
from pages.views.explore.runs_table import (
    MOST_DIFFERENCES,
    ORDERS,
    Curves,
    in_order,
    table,
)
from pages.widgets.undo import undo_line

TABLE = "runs_table"
ALL, BY_HAND, TRIALS = KINDS = ("All", "Single runs", "Study trials")
# With more rows than these the table scrolls.
ROWS_SHOWN, ROWS_HIGH = 12, 480
REFRESH_SECONDS = 2.0


def view() -> None:
    """The search, the table, and the chosen runs below it."""
    store = get_store()
    try:
        store.purge()
        runs = store.runs(owner())
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    _undo()
    queue_panel()
    if not runs:
        st.info(
            "All your runs appear here side by side. There are none yet: train a first network.",
            icon=":material/table_rows:",
        )
        st.page_link("pages/train.py", label="Train a network", icon=":material/model_training:")
        return
    active = any(run.active for run in runs)
    # The table's own refreshes read the store again; this first time the runs are at hand.
    at_hand = [runs]
    fragment(_table, run_every=REFRESH_SECONDS if active else None)(active, at_hand)
    known = {run.id: run for run in runs}
    chosen_runs([known[run_id] for run_id in _chosen() if run_id in known], put_aside)


@said_later
def put_aside(run_ids: Sequence[str]) -> None:
    """Callback: delete these runs, so that it can be undone; active ones are stopped first."""
    store, engine = get_store(), get_engine()
    for run_id in run_ids:
        run = store.run(run_id)
        if run is not None and run.active:
            engine.stop(run_id)
        store.put_aside(run_id)
    st.session_state.runs_put_aside = list(run_ids)
    st.session_state.runs_chosen = []


def _undo() -> None:
    """Beside the table, until something else is deleted: the way back."""
    gone = st.session_state.get("runs_put_aside", [])
    if gone:
        what = "One run is" if len(gone) == 1 else f"{len(gone)} runs are"
        undo_line(f"{what} deleted.", "runs", _bring_back)


@said_later
def _bring_back() -> None:
    for run_id in st.session_state.get("runs_put_aside", []):
        get_store().bring_back(run_id)
    st.session_state.pop("runs_put_aside", None)


def _table(was_active: bool, at_hand: list[list[Run]]) -> None:
    if st.session_state.pop("runs_changed", False) and not at_hand:
        st.rerun()  # what stands below the table follows the choice
    store = get_store()
    try:
        runs = at_hand.pop() if at_hand else store.runs(owner())
        curves = store.validation_curves(owner())
    except StoreError as error:
        st.error(f"{error} The page tries again by itself.", icon=":material/database_off:")
        return
    if was_active != any(run.active for run in runs):
        st.rerun()
    shown = _search(runs, curves)
    columns, config, differing = table(shown, curves)
    st.caption(_table_words(len(shown), len(runs), differing))
    shown_ids = [run.id for run in shown]
    chosen = set(_chosen())
    # The table speaks of rows; new runs and a search move them, so that the ids are what is kept.
    st.session_state[TABLE] = {
        "selection": {"rows": [row for row, name in enumerate(shown_ids) if name in chosen]}
    }
    st.dataframe(
        columns,
        hide_index=True,
        key=TABLE,
        on_select=_choose,
        selection_mode="multi-row",
        height="auto" if len(shown) <= ROWS_SHOWN else ROWS_HIGH,
        column_config=config,
        placeholder="–",
        alt="Your runs with their results and what differs between them",
    )
    st.session_state.runs_shown = shown_ids


def _table_words(shown: int, runs: int, differing: int) -> str:
    words = f"{shown:,} of {runs:,} runs. Tick some to compare, rename, tag, stop or delete them."
    if differing > MOST_DIFFERENCES:
        words += (
            f" {MOST_DIFFERENCES} of the {differing} settings that differ are shown; ticked runs "
            "are compared in all."
        )
    return words


def _search(runs: Sequence[Run], curves: Curves) -> list[Run]:
    """The runs that the search and the choice of kind leave, in the order that is chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Search",
            key="runs_search",
            placeholder="name, tag, note, status or setting, as in “adam dropout”",
            icon=":material/search:",
            persist_state="session",
        )
        of_studies = sum(run.study is not None for run in runs)
        kind = ALL
        if 0 < of_studies < len(runs):
            kind = st.segmented_control(
                "Show", KINDS, default=ALL, required=True, key="runs_kind", persist_state="session"
            )
        order = st.selectbox(
            "Sort by", list(ORDERS), key="runs_order", width=170, persist_state="session"
        )
    if kind != ALL:
        runs = [run for run in runs if (run.study is not None) == (kind == TRIALS)]
    return in_order(matching(runs, wanted), curves, order)


def _chosen() -> list[str]:
    return list(st.session_state.get("runs_chosen", []))


def _choose() -> None:
    """Callback: keep the ids of the chosen rows, and those that a search hides now."""
    shown = st.session_state.get("runs_shown", [])
    rows = st.session_state[TABLE]["selection"]["rows"]
    hidden = [run_id for run_id in _chosen() if run_id not in shown]
    st.session_state.runs_chosen = hidden + [shown[row] for row in rows if row < len(shown)]
    st.session_state.runs_changed = True
