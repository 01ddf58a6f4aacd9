"""The network of a run at a checkpoint as files for other programs, checked before offered."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import streamlit as st

from mnist_core.base.job_queue import QueueFull
from mnist_core.base.sandbox import WorkFailed
from mnist_core.data.mnist import DatasetError
from mnist_core.files.export.models import FORMATS, IMAGES, TOLERANCE, ModelFile, convert
from mnist_core.storage.store import Run, SnapshotInfo, StoreError
from pages.session.data_sets import dataset_of
from pages.session.network_pickers import checkpoint_slider
from pages.session.services import get_store, jobs_in
from pages.views.explore.files_parts import file_name, size_words
from pages.widgets.background import CONVERSIONS, come_back_for, forget, newest
from pages.widgets.progress_notes import time_left


def models(run: Run, snapshots: Sequence[SnapshotInfo]) -> None:
    """Choose the checkpoint, have the files made, and save them."""
    st.subheader("The network, for other programs")
    if not snapshots:
        st.info("This run has kept no weights.", icon=":material/hourglass_empty:")
        return
    st.caption(
        f"Each file is loaded again and compared on {IMAGES:,} test images. It is offered only if "
        f"no probability differs by more than {TOLERANCE:g}."
    )
    step = snapshots[-1].step
    if len(snapshots) > 1:
        step = checkpoint_slider(run.id, snapshots, value=step, key=f"file_step_{run.id}")
    if (run.id, step) not in st.session_state.get("wanted_conversions", ()):
        st.button(
            "Prepare " + ", ".join(kind.title for kind in FORMATS.values()),
            key="prepare_models",
            icon=":material/deployed_code:",
            on_click=_want,
            args=(run.id, step),
        )
        return
    with st.container(key="model_files"):
        try:
            work = _conversion(run.id, step)
        except QueueFull as error:
            st.error(str(error), icon=":material/error:")
            return
        _show_models(run, step, work)


def _want(run_id: str, step: int) -> None:
    """Callback: this checkpoint is to be converted."""
    wanted = st.session_state.get("wanted_conversions", ())
    st.session_state.wanted_conversions = (*wanted, (run_id, step))


def _show_models(run: Run, step: int, work: Future[tuple[ModelFile, ...]]) -> None:
    if not work.done():
        names = ", ".join(kind.title for kind in FORMATS.values())
        come_back_for(
            work,
            lambda: st.info(
                f"Making {names}, and comparing{time_left('conversion', work, CONVERSIONS)}",
                icon=":material/sync:",
            ),
        )
        return
    try:
        files = work.result()
    except (WorkFailed, StoreError) as error:
        st.error(str(error), icon=":material/error:")
        st.button("Try again", key="prepare_again", on_click=forget, args=("conversion",))
        return
    for file in files:
        kind = FORMATS[file.format]
        if not file.offered:
            st.error(file.problem, icon=":material/error:")
            continue
        st.download_button(
            f"{kind.title} · {size_words(len(file.data))}",
            file.data,
            file_name=f"{file_name(run)}-step-{step}{kind.suffix}",
            mime="application/octet-stream",
            key=f"save_{file.format}",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
        st.caption(
            f"For {kind.readers}. Largest difference {file.difference:.1g}"
            + (
                f", {file.digits_changed} digits classified differently."
                if file.digits_changed
                else "."
            )
        )


def _conversion(run_id: str, step: int) -> Future[tuple[ModelFile, ...]]:
    """The visitor's own: with those of others it could be pushed out before it is fetched."""
    store, run = get_store(), get_store().run(run_id)
    try:
        images = dataset_of(run.experiment).x_test if run else None
    except DatasetError:
        images = None  # any images serve to compare two forms of one network

    def work() -> tuple[ModelFile, ...]:
        from mnist_core.data import mnist

        weights = store.weights(run_id, step)
        if run is None or weights is None:
            raise WorkFailed("These weights are not kept any more; choose another checkpoint.")
        shown = mnist.load().x_test if images is None else images
        return convert(run.experiment.network, weights, shown[:IMAGES])

    return newest("conversion", (run_id, step), work, jobs_in(CONVERSIONS))
