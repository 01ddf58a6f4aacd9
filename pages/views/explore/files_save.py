"""Save a run: as a run file, as a model for other programs, as tables and logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from mnist_core.base.untrusted import MEGABYTE
from mnist_core.files.runfile import LIMITS, MAX_AUTHOR, SUFFIX, Kept, from_store, pack
from mnist_core.model.keras_script import keras_script
from mnist_core.storage.store import Run, SnapshotInfo, StepMetrics, Store
from mnist_core.training.events import Epoch
from mnist_core.visitors.limits import current
from pages.session import errors
from pages.session.limits import upload_megabytes
from pages.session.network_choice import snapshots
from pages.session.services import get_store, owner
from pages.views.explore.files_models import models
from pages.views.explore.files_parts import file_name, size_words
from pages.widgets.menu_labels import distinct

RECENT_RUNS = 200
# Names, settings and epochs in a file, and what its archive needs.
ROOM_FOR_FACTS = 50_000
# A name typed just before the button was pressed arrives a moment after the press.
ON_ITS_WAY_SECONDS = 0.5


def save_view() -> None:
    """Choose a run; everything that it can be saved as."""
    store = get_store()
    recent = store.runs(owner(), limit=RECENT_RUNS, trials_last=True)
    runs = {run.id: run for run in recent if not run.active}
    if not runs:
        st.info(
            "A run can be saved when it has ended. Train a network first, then come back.",
            icon=":material/model_training:",
        )
        st.page_link("pages/train.py", label="Train a network", icon=":material/model_training:")
        return
    if st.session_state.get("file_run") not in runs:
        shown = st.session_state.get("shown_run")
        st.session_state.file_run = shown if shown in runs else next(iter(runs))
    with st.container(key="file_run_picker"):
        labels = distinct({key: run.name for key, run in runs.items()})
        chosen = st.selectbox("Run", list(runs), format_func=labels.__getitem__, key="file_run")
    run, kept = runs[chosen], snapshots(chosen)
    left, right = st.columns(2, gap="large")
    with left:
        _run_file(store, run, kept)
        _curves(store, run)
    with right:
        models(run, kept)


# A file is made when its button is pressed, in a thread that knows no visitor: the store comes
# with what it is made from.


def _run_file(store: Store, run: Run, snapshots: Sequence[SnapshotInfo]) -> None:
    st.subheader("The whole run, as one file")
    st.caption(
        "To keep, to hand in as homework, or to open in another MNIST Lab: experiment, curves and "
        "weights."
    )
    author: dict[str, str] = st.session_state.setdefault("file_author_now", {})
    errors.fragment(_ask_author)(author)
    # What a class hands in is opened together, on a server that many share.
    every: Kept = "ends" if current().public else "all"
    if len(snapshots) > 2:
        every = st.segmented_control(
            "Weights",
            ["all", "ends"],
            format_func={
                "all": f"All {len(snapshots)} checkpoints",
                "ends": "First and last only",
            }.__getitem__,
            default=every,
            required=True,
            key=f"file_moments_{run.id}",
        )
    most = largest_file(run, snapshots, every)
    if most > (taken := upload_megabytes(LIMITS.file_bytes // MEGABYTE)) * MEGABYTE:
        st.caption(
            f":material/warning: A server such as this one opens files of up to {taken} MB. To "
            "hand this run in, save *First and last only*."
        )
    st.download_button(
        f"Save the run file, at most {size_words(most)}",
        lambda: _made(store, run, every, author),
        file_name=file_name(run) + SUFFIX,
        mime="application/octet-stream",
        key="save_run_file",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )


def largest_file(run: Run, snapshots: Sequence[SnapshotInfo], which: Kept) -> int:
    """The most bytes that the run's file may have, known before it is made.

    Besides weights it holds the curve (two numbers a step) and the state from which training can
    go on: weights, and at most two numbers of the optimiser's for each.
    """
    kept = snapshots if which == "all" else [*snapshots[:1], *snapshots[1:][-1:]]
    state = 3 * snapshots[-1].bytes if snapshots else 0
    return sum(snapshot.bytes for snapshot in kept) + state + 8 * run.step + ROOM_FOR_FACTS


def _ask_author(author: dict[str, str]) -> None:
    """Put the person's name into `author`.

    A fragment: were the button below made anew too, a press on it right after typing would ask for
    a file that is no more.
    """
    typed = st.text_input(
        "Your name (optional)",
        key="file_author",
        max_chars=MAX_AUTHOR,
        help="Goes into the file, so that a teacher knows whose run it is.",
    )
    author["name"] = typed.strip()


def _made(store: Store, run: Run, snapshots: Kept, author: dict[str, str]) -> bytes:
    time.sleep(ON_ITS_WAY_SECONDS)
    return pack(from_store(store, run, snapshots=snapshots, author=author["name"]))


def _curves(store: Store, run: Run) -> None:
    st.subheader("Curves and script")
    with st.container(horizontal=True, gap="small"):
        for key, (label, make, suffix, tip) in KINDS.items():
            st.download_button(
                label,
                partial(make, store, run),
                file_name=file_name(run) + suffix,
                key=key,
                help=tip,
                icon=":material/download:",
                on_click="ignore",
            )


def _csv(store: Store, run: Run) -> bytes:
    from mnist_core.files.export.metrics import as_csv, metrics_table

    return as_csv(metrics_table(*_metrics(store, run)))


def _parquet(store: Store, run: Run) -> bytes:
    from mnist_core.files.export.metrics import as_parquet, metrics_table

    return as_parquet(metrics_table(*_metrics(store, run)))


def _logs(store: Store, run: Run) -> bytes:
    from mnist_core.files.export.tensorboard import tensorboard_logs

    began = (run.started or run.created).timestamp()
    return tensorboard_logs(*_metrics(store, run), file_name(run), began)


def _script(_store: Store, run: Run) -> str:
    return keras_script(run.experiment, run.changes)


def _metrics(store: Store, run: Run) -> tuple[StepMetrics, list[Epoch]]:
    return store.steps(run.id), store.epochs(run.id)


KINDS: dict[str, tuple[str, Callable[[Store, Run], str | bytes], str, str]] = {
    "save_csv": (
        "CSV",
        _csv,
        ".csv",
        "A row a step: loss and accuracy; validation where an epoch ends.",
    ),
    "save_parquet": ("Parquet", _parquet, ".parquet", "The same table with its types, for pandas."),
    "save_tensorboard": (
        "TensorBoard logs",
        _logs,
        "-tensorboard.zip",
        "Unpack it and run “tensorboard --logdir .” there. Takes some seconds.",
    ),
    "save_script": (
        "Keras script",
        _script,
        ".py",
        "Plain Keras that trains this network again, to the same curve.",
    ),
}
