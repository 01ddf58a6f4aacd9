"""The visitor's runs that train, wait and pause, with what can be done about each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from mnist_core.storage.store import Run
from pages.session.errors import fragment, said_later
from pages.session.services import get_engine, get_store
from pages.widgets.clock import clock
from pages.widgets.escape import escaped

REFRESH_SECONDS = 2.0
STATUS_ICONS = {
    "queued": ":material/hourglass_top:",
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "failed": ":material/error:",
}


def queue_panel() -> None:
    """A button that opens the list, where there is more than one such run."""
    if len(get_store().active_runs()) > 1:
        fragment(_panel, run_every=REFRESH_SECONDS)()


def _panel() -> None:
    runs = get_store().active_runs()
    with st.popover(f"{len(runs)} runs", icon=":material/format_list_numbered:", key="queue_panel",
                    help="Runs that are training, waiting or paused"):  # fmt: skip
        for run in runs:
            _row(run, runs)
        if not runs:
            st.caption("No run is training, waiting or paused any more.")
            return
        st.button(
            f"Stop all {len(runs)}",
            key="stop_all",
            icon=":material/stop_circle:",
            help="Curves and weights are kept.",
            on_click=stop_runs,
            args=([run.id for run in runs],),
        )


def _row(run: Run, runs: list[Run]) -> None:
    left = "" if run.seconds_left is None else f" · {clock(run.seconds_left)} left"
    words = f" · epoch {run.epoch} of {run.epochs}{left}" if run.total_steps else ""
    words += _gave_way_words(runs) if run.gave_way else ""
    with st.container(
        key=f"queued_{run.id}", horizontal=True, vertical_alignment="center", gap="small"
    ):
        st.markdown(f"{STATUS_ICONS[run.status]} **{escaped(run.name)}** · {run.status}{words}")
        if run.status == "paused":
            st.button("Resume", key=f"queue-resume-{run.id}", on_click=_resume, args=(run.id,))
        st.button("Stop", key=f"queue-stop-{run.id}", on_click=stop_runs, args=([run.id],))


def _gave_way_words(runs: list[Run]) -> str:
    """The run that trains in a paused run's place, in words."""
    names = [escaped(run.name) for run in runs if run.status == "running"]
    return f" · gave its place to {names[0]}" if len(names) == 1 else " · waits for **Resume**"


@said_later
def stop_runs(run_ids: Sequence[str]) -> None:
    """Callback: end these runs, those that wait first: none of them is to start meanwhile."""
    engine = get_engine()
    for run_id in reversed(run_ids):
        engine.stop(run_id)


@said_later
def _resume(run_id: str) -> None:
    """Callback: let a paused run go on."""
    get_engine().resume(run_id)
