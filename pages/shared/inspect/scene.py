"""What is looked at: a network at a moment, and an input; and what it computes, cached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core import dataset
from mnist_core.spec import NetworkSpec
from mnist_core.store import SnapshotInfo
from pages.shared.moments import NetworkChoice, Weights, weights_at

if TYPE_CHECKING:
    from mnist_core.inside.probe import Probe

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scene:
    """Network, moment and input of the page now.

    `image` float32 [28, 28] in [0, 1]; `label` is the right digit, None for a drawing whose
    digit nobody has told; `index` is the test image's, None for a drawing.
    """

    choice: NetworkChoice
    moment: SnapshotInfo
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
        """The network's compiled forward passes."""
        from mnist_core.inside.probe import probe

        return probe(self.network)

    @property
    def outputs(self) -> list[FloatArray]:
        """What each layer of `probe.layers` makes of the image, without the batch axis."""
        picture = hashlib.md5(self.image.tobytes(), usedforsecurity=False).hexdigest()
        return _outputs(self.choice.key, self.moment.step, picture, self)

    @property
    def probabilities(self) -> FloatArray:
        """The ten probabilities for the image, [10]."""
        return self.outputs[-1]

    @property
    def read(self) -> int:
        """The digit that the network reads."""
        return int(self.probabilities.argmax())

    @property
    def test_probabilities(self) -> FloatArray:
        """The probabilities for all 10,000 test images, [n, 10]."""
        return test_probabilities(self.choice.key, self.moment.step)


@st.cache_resource(max_entries=32, show_spinner=False)
def _outputs(key: str, step: int, picture: str, _scene: Scene) -> list[FloatArray]:
    found = _scene.probe.outputs(_scene.weights, _scene.image[None])
    return [values[0] for values in found]


@st.cache_resource(max_entries=24, show_spinner="Reading the 10,000 test images…")
def test_probabilities(key: str, step: int) -> FloatArray:
    """What a network at a kept moment makes of the test images, float32 [n, 10].

    Raises KeyError when the moment is not kept.
    """
    from mnist_core.inside.probe import probe
    from pages.shared.moments import choice_of

    weights = weights_at(key, step)
    choice = choice_of(key)
    if weights is None or choice is None:
        raise KeyError(key)
    return probe(choice.network).probabilities(weights, test_images())


@st.cache_resource(show_spinner=False)
def test_images() -> FloatArray:
    """MNIST's test images, float32 [10000, 28, 28] in [0, 1]."""
    return dataset.load().x_test.astype(np.float32) / np.float32(255)


def test_labels() -> npt.NDArray[np.uint8]:
    """The test images' digits, uint8 [10000]."""
    return dataset.load().y_test
