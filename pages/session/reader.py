"""A network at one step of its training, ready to read images."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.base import computing
from mnist_core.base.sandbox import WorkFailed
from mnist_core.drawing.pretrained import EXPERIMENT, DefaultModelError, default_weights
from mnist_core.experiment.spec import MNIST, NetworkSpec
from mnist_core.inspection.activations import Images, WeightsError, probe
from mnist_core.storage.store import StoreError
from pages.session.data_sets import class_names
from pages.session.network_choice import (
    DEFAULT_MODEL,
    NetworkChoice,
    Weights,
    network_choices,
    snapshots,
    weights_at,
)
from pages.widgets.background import loader
from pages.widgets.progress_notes import STARTING, measured, time_left

FloatArray = npt.NDArray[np.float32]


class NotReadable(RuntimeError):
    """A network cannot read now; the message is a sentence for the page."""


@dataclass(frozen=True)
class Reader:
    """A network at one of its snapshots."""

    choice: NetworkChoice
    step: int

    @property
    def network(self) -> NetworkSpec:
        """Its layers."""
        return self.choice.network

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its classes."""
        return class_names(self.choice.experiment)

    @property
    def reads_digits(self) -> bool:
        """True when it was trained on MNIST; else it was on a data set of the visitor's own."""
        return self.choice.experiment.data == MNIST

    @property
    def accuracy(self) -> float | None:
        """The share of validation images that it reads rightly; None when that is not known."""
        kept = snapshots(self.choice.key)
        return next((item.val_accuracy for item in kept if item.step == self.step), None)

    @property
    def guesses(self) -> bool:
        """True when it is at chance now: before its training, or when that went wrong."""
        if self.choice.run is None:
            return False
        known = self.accuracy
        if self.step == 0:
            return True
        return self.choice.guesses if known is None else self.choice.is_chance(known)

    def weights(self) -> Weights:
        """Raises NotReadable."""
        try:
            found = weights_at(self.choice.key, self.step)
        except (DefaultModelError, StoreError, WorkFailed) as error:
            raise NotReadable(str(error)) from error
        if found is None:
            raise NotReadable("The weights of this checkpoint are no longer kept; choose another.")
        return found

    def probabilities(self, images: FloatArray) -> FloatArray:
        """Of images float32 [n, 28, 28], float32 [n, classes]. Raises NotReadable."""
        return self.function()(images)

    def function(self) -> Callable[[Images], FloatArray]:
        """`probabilities` for use in another thread, where nothing of the page can be asked."""
        network, weights = probe(self.network), self.weights()

        def probabilities(images: Images) -> FloatArray:
            try:
                return network.probabilities(weights, images)
            except (WeightsError, WorkFailed) as error:
                raise NotReadable(_why_not(error)) from error

        return probabilities


def wait_for(*readers: Reader, say: Callable[[str], Any]) -> None:
    """Until the readers' networks are compiled: seconds for the first, which waits for TensorFlow.

    `say` shows a sentence while it takes long. Raises NotReadable.
    """
    for reader in readers:
        underway = loading(reader)
        try:
            while not underway.done():
                # To say it also lets a waiting rerun take over.
                starts = not computing.ready()
                left = f". {STARTING}…" if starts else time_left("network", underway)
                say(f"_Loading the network{left}_")
                time.sleep(0.05)
            underway.result()
        except (DefaultModelError, WeightsError, WorkFailed) as error:
            _compiling.clear()
            raise NotReadable(_why_not(error)) from error


def prepare(key: str) -> None:
    """Begin to load the network that will read next. Raises NotReadable."""
    choice, kept = network_choices().get(key), snapshots(key)
    if choice is not None and kept:
        loading(Reader(choice, kept[-1].step))


def load_default() -> None:
    """Load and compile the default model, for whoever draws next. Raises DefaultModelError."""
    _compile(EXPERIMENT.network, None)


def loading(reader: Reader) -> Future[None]:
    """The reader's network on its way, begun with the first call. Raises NotReadable."""
    default = reader.choice.key == DEFAULT_MODEL
    weights = None if default else reader.weights()
    key = reader.network.model_dump_json()
    return _compiling(key, default, computing.life(), reader.network, weights)


def _why_not(error: DefaultModelError | WeightsError | WorkFailed) -> str:
    if isinstance(error, WeightsError):
        return "This network cannot be loaded; choose another one."
    return str(error)


@st.cache_resource(max_entries=16, show_spinner=False)
def _compiling(
    key: str, default: bool, life: int, _network: NetworkSpec, _weights: Weights | None
) -> Future[None]:
    return loader().submit(_compile, _network, _weights)


@measured("network")
def _compile(network: NetworkSpec, weights: Weights | None) -> None:
    """The first pass compiles; the default model (`weights` None) is loaded for it."""
    if weights is None:
        weights = default_weights()
    probe(network).probabilities(weights, np.zeros((1, 28, 28), np.float32))
