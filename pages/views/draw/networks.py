"""The networks that read the drawing, the snapshot of their training, and their reading."""

from __future__ import annotations

from concurrent.futures import Future

import streamlit as st

from mnist_core.data.mnist import Dataset
from mnist_core.drawing.neighbours import Neighbours, neighbours
from mnist_core.experiment.spec import MNIST
from mnist_core.storage.store import SnapshotInfo
from pages.session.data_sets import class_names, own_dataset
from pages.session.network_choice import (
    chance_note,
    first_choice,
    network_choices,
    snapshots,
)
from pages.session.network_pickers import checkpoint_slider, network_menu
from pages.session.reader import NotReadable, Reader, loading
from pages.widgets.background import loader
from pages.widgets.escape import escaped


def current_reader() -> Reader:
    """The network and snapshot that the person has chosen.

    Before any choice the newest run that has learned something, else the default model. Raises
    NotReadable when the choice has kept no weights yet.
    """
    choices = network_choices()
    key = st.session_state.get("reading_network")
    if key not in choices:
        key = first_choice().key
        st.session_state.reading_network = key
        st.session_state.reading_step = None
    kept = snapshots(key)
    if not kept:
        if choices[key].trains:
            raise NotReadable("This run has no checkpoint yet. Wait, or choose another network.")
        raise NotReadable("This run has no checkpoint. Choose another network.")
    steps = [snapshot.step for snapshot in kept]
    step = st.session_state.get("reading_step")
    return Reader(choices[key], step if step in steps else steps[-1])


def choose_network() -> None:
    """The menu of networks and, where more than one snapshot is kept, their slider."""
    choices = network_choices()
    key = st.session_state.get("reading_network")
    network_menu(
        "Network",
        choices,
        key,
        key="network_menu",
        help="Your runs and the model that comes with the app.",
        on_change=_network_chosen,
    )
    if key in choices and (note := chance_note(choices[key])):
        st.caption(f":material/casino: {note}")
    kept = snapshots(key) if key in choices else ()
    if len(kept) > 1:
        _choose_snapshot(str(key), kept)
    if key in choices and choices[key].experiment.data != MNIST:
        names = ", ".join(map(escaped, class_names(choices[key].experiment)))
        st.caption(f":material/dataset: Classes: {names}.")


def _choose_snapshot(key: str, kept: tuple[SnapshotInfo, ...]) -> None:
    step = st.session_state.get("reading_step")
    steps = [snapshot.step for snapshot in kept]
    # Another run, or a new snapshot of a live one, makes a new slider with its own value.
    slider = f"reading_moment-{key}-{kept[-1].step}"
    checkpoint_slider(
        key,
        kept,
        value=step if step in steps else steps[-1],
        key=slider,
        on_change=_snapshot_chosen,
        args=(slider, kept[-1].step),
    )


def _network_chosen() -> None:
    st.session_state.reading_network = st.session_state.network_menu
    st.session_state.reading_step = None


def _snapshot_chosen(slider: str, newest: int) -> None:
    """Callback. At the slider's end the page goes on with the newest snapshot of a live run."""
    step = st.session_state[slider]
    st.session_state.reading_step = None if step == newest else step


def is_ready() -> bool:
    """False while the chosen network is being loaded, which begins with this call."""
    try:
        return loading(current_reader()).done()
    except NotReadable:
        return True  # there is nothing to wait for


@st.cache_resource(show_spinner=False)
def training_images() -> Future[Neighbours]:
    """The index of the training images, on its way."""
    return loader().submit(neighbours)


def training_images_of(reader: Reader) -> Future[Neighbours]:
    """The index of the images that a network was trained on. Raises DatasetError without them."""
    if reader.reads_digits:
        return training_images()
    data = own_dataset(reader.choice.experiment.data)
    return _own_training_images(reader.choice.experiment.data, data)


@st.cache_resource(max_entries=1, show_spinner=False)
def _own_training_images(digest: str, _data: Dataset) -> Future[Neighbours]:
    return loader().submit(Neighbours, _data.x_train, _data.y_train)
