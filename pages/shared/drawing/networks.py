"""Which networks read the drawing, at which moment of their training, and their reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.dataset import Dataset
from mnist_core.default_model import DefaultModelError
from mnist_core.inside.probe import WeightsError, probe
from mnist_core.neighbours import Neighbours, Novelty, neighbours, novelty
from mnist_core.spec import MNIST, NetworkSpec
from mnist_core.store import SnapshotInfo, StoreError
from pages.shared.data import class_names, own_dataset
from pages.shared.drawing.background import loader
from pages.shared.drawing.parts import plain
from pages.shared.moments import (
    DEFAULT_MODEL,
    NetworkChoice,
    Weights,
    moment_label,
    moments,
    network_choices,
    weights_at,
)

FloatArray = npt.NDArray[np.float32]


class NotReadable(RuntimeError):
    """A network cannot read now; the message is a sentence for the page."""


@dataclass(frozen=True)
class Reader:
    """A network at a moment."""

    choice: NetworkChoice
    step: int

    @property
    def network(self) -> NetworkSpec:
        """Its layers."""
        return self.choice.network

    @property
    def names(self) -> tuple[str, ...]:
        """What the classes are called that it tells apart."""
        return class_names(self.choice.experiment)

    @property
    def reads_digits(self) -> bool:
        """Whether it was trained on MNIST; else on a data set of the visitor's own."""
        return self.choice.experiment.data == MNIST

    def weights(self) -> Weights:
        """Raises NotReadable."""
        try:
            found = weights_at(self.choice.key, self.step)
        except (DefaultModelError, StoreError) as error:
            raise NotReadable(str(error)) from error
        if found is None:
            raise NotReadable("The weights of this moment are no longer kept; choose another one.")
        return found

    def probabilities(self, images: FloatArray) -> FloatArray:
        """Of images float32 [n, 28, 28], float32 [n, classes]. Raises NotReadable."""
        return self.function()(images)

    def function(self) -> Callable[[FloatArray], FloatArray]:
        """`probabilities` for use in another thread, where nothing of the page can be asked."""
        network, weights = probe(self.network), self.weights()

        def probabilities(images: FloatArray) -> FloatArray:
            try:
                return network.probabilities(weights, images)
            except WeightsError as error:
                raise NotReadable(_why_not(error)) from error

        return probabilities


def current_reader() -> Reader:
    """The network and moment that the person has chosen.

    Before any choice the newest run that has kept weights, else the default model. Raises
    NotReadable when the choice has kept no weights yet.
    """
    choices = network_choices()
    key = st.session_state.get("reading_network")
    if key not in choices:
        key = next(key for key in choices if _trained(key))
        st.session_state.reading_network = key
        st.session_state.reading_step = None
    kept = moments(key)
    if not kept:
        raise NotReadable("This run has kept no weights yet; choose another network, or wait.")
    steps = [moment.step for moment in kept]
    step = st.session_state.get("reading_step")
    return Reader(choices[key], step if step in steps else steps[-1])


def _trained(key: str) -> bool:
    """True for the default model, and for a run that has kept more than its untrained weights."""
    kept = moments(key)
    return bool(kept) and (key == DEFAULT_MODEL or kept[-1].step > 0)


def choose_network() -> None:
    """The menu of networks and, where more than one moment is kept, the slider of moments."""
    choices = network_choices()
    key = st.session_state.get("reading_network")
    st.selectbox(
        "Network that reads",
        list(choices),
        index=list(choices).index(key) if key in choices else 0,
        key="network_menu",
        format_func=lambda key: choices[key].label if key in choices else "",
        help="Your runs, and the model that comes with the app.",
        on_change=_network_chosen,
    )
    kept = moments(key) if key in choices else ()
    if len(kept) > 1:
        _choose_moment(str(key), kept)
    if key in choices and choices[key].experiment.data != MNIST:
        names = ", ".join(map(plain, class_names(choices[key].experiment)))
        st.caption(f":material/dataset: This network tells apart: {names}.")


def _choose_moment(key: str, kept: tuple[SnapshotInfo, ...]) -> None:
    labels = {moment.step: moment_label(key, moment) for moment in kept}
    step = st.session_state.get("reading_step")
    # Another run, or a new moment of a live one, makes a new slider with its own value.
    slider = f"reading_moment-{key}-{kept[-1].step}"
    st.select_slider(
        "Moment of its training",
        list(labels),
        value=step if step in labels else kept[-1].step,
        key=slider,
        format_func=lambda step: labels.get(step, ""),
        on_change=_moment_chosen,
        args=(slider, kept[-1].step),
    )


def _network_chosen() -> None:
    st.session_state.reading_network = st.session_state.network_menu
    st.session_state.reading_step = None


def _moment_chosen(slider: str, newest: int) -> None:
    """Callback. At the slider's end the page goes on with the newest moment of a live run."""
    step = st.session_state[slider]
    st.session_state.reading_step = None if step == newest else step


def wait_for(*readers: Reader, say: Callable[[str], Any]) -> None:
    """Until the readers' networks are compiled: seconds for the first, which imports TensorFlow.

    `say` shows a sentence while it takes long. Raises NotReadable.
    """
    for reader in readers:
        loading = _loading(reader)
        try:
            while not loading.done():
                say("_Loading the network, a few seconds…_")  # also lets a waiting rerun take over
                time.sleep(0.05)
            loading.result()
        except (DefaultModelError, WeightsError) as error:
            _compiling.clear()
            raise NotReadable(_why_not(error)) from error


def prepare(key: str) -> None:
    """Begin to load the network that will read next. Raises NotReadable."""
    choice, kept = network_choices().get(key), moments(key)
    if choice is not None and kept:
        _loading(Reader(choice, kept[-1].step))


def is_ready() -> bool:
    """False while the chosen network is being loaded, which begins with this call."""
    try:
        return _loading(current_reader()).done()
    except NotReadable:
        return True  # there is nothing to wait for


def _loading(reader: Reader) -> Future[None]:
    default = reader.choice.key == DEFAULT_MODEL
    weights = None if default else reader.weights()
    return _compiling(reader.network.model_dump_json(), default, reader.network, weights)


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


@st.cache_resource(show_spinner=False)
def novelty_measure() -> Future[Novelty]:
    """The measure of what is no digit, on its way."""
    return loader().submit(novelty)


def _why_not(error: DefaultModelError | WeightsError) -> str:
    if isinstance(error, DefaultModelError):
        return str(error)
    return "This network cannot be loaded; choose another one."


@st.cache_resource(max_entries=16, show_spinner=False)
def _compiling(
    key: str, default: bool, _network: NetworkSpec, _weights: Weights | None
) -> Future[None]:
    return loader().submit(_compile, _network, _weights)


def _compile(network: NetworkSpec, weights: Weights | None) -> None:
    """The first pass compiles; the default model (`weights` None) is loaded for it."""
    if weights is None:
        from mnist_core import load_default_model

        weights = tuple(load_default_model().get_weights())
    probe(network).probabilities(weights, np.zeros((1, 28, 28), np.float32))
