"""The chosen runs: their curves over each other, what sets them apart, and their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from mnist_core.evaluation.compare_runs import differences
from mnist_core.figures.curves import accuracy_chart, loss_chart
from mnist_core.storage.store import LONGEST_NOTE, LONGEST_TAG, Run, StoreError
from pages.session.compared_runs import MOST_COMPARED
from pages.session.explore_tabs import save_as_file, what_if
from pages.session.open_elsewhere import open_buttons
from pages.session.queue_panel import stop_runs
from pages.session.services import get_store
from pages.widgets.live_figure import live_figure
from pages.widgets.menu_labels import distinct
from pages.widgets.run_curves import run_curves

SMOOTHING = 0.9


def chosen_runs(runs: Sequence[Run], put_aside: Callable[[Sequence[str]], None]) -> None:
    """Everything below the table."""
    if not runs:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs_actions"):
        if len(runs) == 1:
            _open_buttons(runs[0])
        else:
            _tag_all(runs)
        if active := [run.id for run in runs if run.active]:
            st.button(
                "Stop" if len(active) == 1 else f"Stop {len(active)} runs",
                key="stop_runs",
                icon=":material/stop_circle:",
                help="Curves and weights stay.",
                on_click=stop_runs,
                args=(active,),
            )
        count = f"{len(runs)} runs" if len(runs) > 1 else "run"
        st.button(
            f"Delete {count}",
            key="delete_runs",
            icon=":material/delete:",
            on_click=put_aside,
            args=([run.id for run in runs],),
        )
    if said := st.session_state.pop("run_edit_error", None):
        st.error(said, icon=":material/error:")
    if len(runs) == 1:
        _edit(runs[0])
    else:
        _apart(runs)
    _curves(runs)


def _open_buttons(run: Run) -> None:
    open_buttons(run.id, "run")
    st.button(
        "What if I change …",
        key="study_of_run",
        icon=":material/science:",
        on_click=what_if,
        args=(run.id,),
        help="Train this experiment again with other values of one setting, several seeds each.",
    )
    if not run.active:
        st.button(
            "Save as a file",
            key="save_run",
            icon=":material/download:",
            on_click=save_as_file,
            args=(run.id,),
            help="As a run file, as a model for other programs, as tables, or as a Keras script.",
        )


def _edit(run: Run) -> None:
    """Name, tags and note, kept as soon as they are changed."""
    fields = {"run_name": run.name, "run_tags": list(run.tags), "run_note": run.note}
    if st.session_state.get("edited_run") != run.id or "run_name" not in st.session_state:
        st.session_state.update(fields | {"edited_run": run.id})
    left, right = st.columns(2, gap="medium")
    keep = partial(_keep, run.id)
    left.text_input("Name", key="run_name", max_chars=120, on_change=keep)
    known = sorted({*st.session_state.run_tags, *run.tags})
    right.multiselect(
        "Tags",
        known,
        key="run_tags",
        accept_new_options=True,
        placeholder="Type a word and press Enter",
        on_change=keep,
    )
    st.text_area("Note", key="run_note", height=80, max_chars=LONGEST_NOTE, on_change=keep)


def _tag_all(runs: Sequence[Run]) -> None:
    st.text_input(
        f"Tag all {len(runs)}",
        key="tag_all",
        placeholder="Type a word and press Enter",
        max_chars=LONGEST_TAG,
        on_change=_add_tag,
        args=([run.id for run in runs],),
        width=260,
    )


def _add_tag(run_ids: Sequence[str]) -> None:
    """Callback: each of these runs gets the tag, beside those it has."""
    tag, store = st.session_state.tag_all.strip(), get_store()
    st.session_state.tag_all = ""
    try:
        for run_id in run_ids:
            run = store.run(run_id)
            if tag and run is not None:
                store.annotate(run_id, [*run.tags, tag], run.note)
    except (ValueError, StoreError) as error:
        st.session_state.run_edit_error = str(error)


def _keep(run_id: str) -> None:
    state, store = st.session_state, get_store()
    try:
        store.rename(run_id, state.run_name)
        store.annotate(run_id, state.run_tags, state.run_note)
    except (ValueError, StoreError) as error:
        state.run_edit_error = str(error)


def _apart(runs: Sequence[Run]) -> None:
    """A column a run, a row for each setting that is not the same in all."""
    found = differences([run.experiment for run in runs])
    with st.container(key="runs_diff"):
        if not found:
            st.caption("These runs have the same experiment.")
            return
        st.markdown("**Differences**")
        names = distinct({run.id: run.name for run in runs}).values()
        columns = {"Setting": list(found)}
        columns |= {
            name: [values[at] for values in found.values()] for at, name in enumerate(names)
        }
        st.dataframe(columns, hide_index=True, alt="The settings in which the chosen runs differ")


def _curves(runs: Sequence[Run]) -> None:
    store = get_store()
    begun = [run for run in runs if run.step][:MOST_COMPARED]
    if not begun:
        st.caption("No curves yet: training has not begun.")
        return
    curves = [run_curves(store, run) for run in begun]
    left = len([run for run in runs if run.step]) - len(begun)
    if left:
        st.caption(f"The curves of the first {len(begun)} runs; {left} more are selected.")
    log = st.toggle(
        "Logarithmic axes",
        key="chosen_log",
        persist_state="session",
        help="Loss, and error in place of accuracy, on axes where each step is a factor of ten.",
    )
    for draw, name in ((loss_chart, "Loss"), (accuracy_chart, "Accuracy")):
        figure = draw(curves, log_y=log, smoothing=SMOOTHING, uirevision="chosen")
        about = f"{name} of {', '.join(run.name for run in begun)} over training steps"
        live_figure(figure, f"chosen_{name.lower()}", about)
