"""The scene of Look inside: a network's snapshot and an input; its outputs, cached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.data import mnist
from mnist_core.experiment.class_names import one
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.compiled import KEPT
from mnist_core.storage.store import SnapshotInfo
from pages.session.data_sets import class_names, dataset_of
from pages.session.inspect_state import place
from pages.session.network_choice import NetworkChoice, Weights, choice_of, weights_at
from pages.widgets.progress_notes import told

if TYPE_CHECKING:
    from mnist_core.inspection.activations import Probe

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scene:
    """Network, snapshot and input of the page now.

    `image` float32 [28, 28] in [0, 1]; `label` is the right digit, None for a drawing whose
    digit nobody has told; `index` is the test image's, None for a drawing.
    """

    choice: NetworkChoice
    snapshot: SnapshotInfo
    weights: Weights
    image: FloatArray
    label: int | None
    index: int | None

    @property
    def network(self) -> NetworkSpec:
        """The network's layers."""
        return self.choice.network

    @property
    def probe(self) -> Probe:
        """The layers, and what they give for images; it is computed where TensorFlow is."""
        from mnist_core.inspection.activations import probe

        return probe(self.network)

    @property
    def outputs(self) -> list[FloatArray]:
        """The outputs of each layer of `probe.layers` for the image, without the batch axis.

        Raises WeightsError and WorkFailed, as whatever follows from them does.
        """
        return _outputs(self.choice.key, self.snapshot.step, self.picture, self)

    @property
    def asked(self) -> int:
        """The class that a view begins with: the right one, for a drawing the one that is read."""
        return self.read if self.label is None else self.label

    @property
    def picture(self) -> str:
        """A checksum of the image, by which what is computed of it is cached."""
        return hashlib.md5(self.image.tobytes(), usedforsecurity=False).hexdigest()

    @property
    def probabilities(self) -> FloatArray:
        """The probabilities for the image, [classes]."""
        return self.outputs[-1]

    @property
    def read(self) -> int:
        """The digit that the network reads."""
        return int(self.probabilities.argmax())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the network's classes: digits, for MNIST."""
        return class_names(self.choice.experiment)

    @property
    def input_name(self) -> str:
        """The name of the input, and its digit where that is known."""
        if self.label is None:
            return "My drawing"
        return f"Test image {self.index}: {one(self.names[self.label])}"

    @property
    def test_probabilities(self) -> FloatArray:
        """The probabilities for all test images, [n, classes]."""
        return test_probabilities(self.choice.key, self.snapshot.step)


@st.cache_resource(max_entries=32, show_spinner=False)
def _outputs(key: str, step: int, picture: str, _scene: Scene) -> list[FloatArray]:
    found = _scene.probe.outputs(_scene.weights, _scene.image[None])
    return [values[0] for values in found]


@told("network", "The network is being prepared")
@st.cache_resource(max_entries=KEPT, show_spinner=False)
def prepare(network: str, life: int, _scene: Scene) -> None:
    """Compile the scene's network, given as JSON too. Raises as `Scene.outputs` does."""
    _ = _scene.outputs


@told("test images", "Reading the test images")
@st.cache_resource(max_entries=24, show_spinner=False)
def test_probabilities(key: str, step: int) -> FloatArray:
    """A snapshot's probabilities for its test images, float32 [n, classes].

    Raises KeyError when the snapshot is not kept, and WorkFailed.
    """
    from mnist_core.inspection.activations import probe

    weights = weights_at(key, step)
    choice = choice_of(key)
    if weights is None or choice is None:
        raise KeyError(key)
    data = dataset_of(choice.experiment)
    return probe(choice.network).probabilities(weights, data.x_test)


def shown_data() -> mnist.Dataset:
    """The data set of the network that the page shows: MNIST, or one of the visitor's own.

    Raises DatasetError, a sentence, when it is not here.
    """
    choice = choice_of(place().run)
    return mnist.load() if choice is None else dataset_of(choice.experiment)


def test_images() -> npt.NDArray[np.uint8]:
    """The test images of that data set, uint8 [n, 28, 28]. Raises DatasetError."""
    return shown_data().x_test


def test_labels() -> npt.NDArray[np.uint8]:
    """The test images' digits or classes, uint8 [n]. Raises DatasetError."""
    return shown_data().y_test
