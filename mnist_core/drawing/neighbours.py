"""The training images that lie nearest to an image, and whether it is a digit at all.

Images are compared after a slight blur, so that a stroke half a pixel further still counts as
near, and by their 64 principal components, which hold nearly all of what tells digits apart: one
image against 60,000 then takes milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_core.data import mnist

FloatArray = npt.NDArray[np.float32]

COMPONENTS = 64
BLUR = 1.0
# Every so many-th image decides which components count.
FIT_EVERY = 6
CHUNK = 5000
# Images that are compared with all others at once.
STEP = 50
NEAREST = 5

# `strangeness` of what is no digit. Measured on drawings of digits (MNIST's test images fed
# through the canvas, and pen strokes) against scribbles, zigzags, shapes, letters, dots and two
# digits at once; benchmarks/drawing.py prints the shares on both sides for both limits.
DOUBTFUL, STRANGE = 5.5, 7.5
# Training images whose features the drawing's are compared with, and those after them that say
# what is usual.
EXEMPLARS, USUAL = 5000, 300

_INDEXING, _MEASURING = threading.Lock(), threading.Lock()


@dataclass(frozen=True)
class Neighbour:
    """A training image: its place in `x_train`, its label, and how far it is.

    `distance` is relative to the ink of the image it is near to: 0 for the same image, about
    1.4 for one that has nothing in common with it and as much ink.
    """

    index: int
    label: int
    distance: float


class Neighbours:
    """An index of images uint8 [n, 28, 28] with their labels."""

    def __init__(self, images: mnist.ByteArray, labels: npt.NDArray[np.uint8]) -> None:
        self.labels = labels
        some = _blurred(images[::FIT_EVERY])
        mean = some.mean(0)
        _, vectors = np.linalg.eigh((some - mean).T @ (some - mean))
        components = vectors[:, ::-1][:, :COMPONENTS]
        # Blurring an image, then projecting it, is projecting it on blurred components.
        self._projection = _blur(components.T.reshape(-1, 28, 28)).reshape(-1, 784).T
        self._offset = mean @ components
        parts = [images[at : at + CHUNK] for at in range(0, len(images), CHUNK)]
        self._points = np.concatenate([self._project(mnist.ink(part)) for part in parts])
        self._squares = (self._points**2).sum(1)

    def nearest(self, image28: FloatArray, count: int = NEAREST) -> list[Neighbour]:
        """The nearest images to float32 [28, 28] in [0, 1], the nearest first."""
        distances = self.distances(image28[None])[0]
        best = np.argpartition(distances, count)[:count]
        best = best[np.argsort(distances[best])]
        return [Neighbour(int(i), int(self.labels[i]), float(distances[i])) for i in best]

    def distances(self, images: FloatArray) -> FloatArray:
        """Relative distances [n, m] from images float32 [n, 28, 28] to all m, in their order."""
        points = self._project(images)
        squares = self._squares - 2 * points @ self._points.T + (points**2).sum(1)[:, None]
        ink = np.linalg.norm(_blur(images).reshape(len(images), -1), axis=1)
        distances: FloatArray = np.sqrt(np.maximum(squares, 0)) / np.maximum(ink, 1e-6)[:, None]
        return distances

    def _project(self, images: FloatArray) -> FloatArray:
        flat = images.reshape(len(images), -1)
        return (flat @ self._projection - self._offset).astype(np.float32)


class Novelty:
    """How strange an image is to the network that ships with the app.

    Three signs, each measured in standard deviations from what is usual for training images and
    added up: how far the nearest training images are, how far their features in the network's
    last layer of maps are (by angle), and how little the network has to say for any digit.
    `look` gives features [n, k] and the sums before the softmax [n, 10] of images.
    """

    def __init__(
        self,
        neighbours: Neighbours,
        look: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
        images: mnist.ByteArray,
    ) -> None:
        self._neighbours, self._look = neighbours, look
        self._exemplars = _directions(look(mnist.ink(images[:EXEMPLARS]))[0])
        usual = mnist.ink(images[EXEMPLARS : EXEMPLARS + USUAL])
        # Each of these is its own nearest neighbour, which says nothing.
        signs = self._signs(usual, skip=1)
        self._middle, self._spread = signs.mean(0), signs.std(0)

    def strangeness(self, image28: FloatArray) -> float:
        """About 0 for a usual digit; compare it with DOUBTFUL and STRANGE."""
        return float(self.of_all(image28[None])[0])

    def of_all(self, images: FloatArray) -> npt.NDArray[np.float64]:
        """The strangeness [n] of images float32 [n, 28, 28]."""
        signs = self._signs(images, skip=0)
        sums: npt.NDArray[np.float64] = ((signs - self._middle) / self._spread).sum(1)
        return sums

    def _signs(self, images: FloatArray, skip: int) -> npt.NDArray[np.float64]:
        features, sums = self._look(images)
        angles = -_directions(features) @ self._exemplars.T
        nearness = np.sort(angles, axis=1)[:, :NEAREST]
        parts = [images[at : at + STEP] for at in range(0, len(images), STEP)]
        last = NEAREST + skip
        nearest = [np.partition(self._neighbours.distances(p), last)[:, :last] for p in parts]
        far = np.sort(np.concatenate(nearest), axis=1)[:, skip:].mean(1)
        signs = [far, nearness.mean(1), -sums.max(1)]
        return np.stack(signs, axis=1).astype(float)


@lru_cache(maxsize=1)
def _neighbours() -> Neighbours:
    data = mnist.load()
    return Neighbours(data.x_train, data.y_train)


def neighbours() -> Neighbours:
    """The index of MNIST's training images; made at the first call, which takes a second."""
    with _INDEXING:  # two visitors at once must not make it twice
        return _neighbours()


@lru_cache(maxsize=1)
def _novelty() -> Novelty:
    from mnist_core.drawing.pretrained import EXPERIMENT, load_default_model
    from mnist_core.inspection.activations import probe

    weights = load_default_model().get_weights()
    network = probe(EXPERIMENT.network)
    maps = [layer for layer in network.layers if len(layer.shape) == 3][-1].name

    last, before = network.index(maps), network.index("logits")

    def look(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        features, sums = [], []
        for at in range(0, len(images), STEP):
            outputs = network.outputs(weights, images[at : at + STEP])
            features.append(outputs[last].max((1, 2)))
            sums.append(outputs[before])
        return np.concatenate(features), np.concatenate(sums)

    return Novelty(neighbours(), look, mnist.load().x_train)


def novelty() -> Novelty:
    """The measure for the default model; made at the first call, which takes seconds."""
    with _MEASURING:
        return _novelty()


def _blur(images: FloatArray) -> FloatArray:
    """Each image [n, 28, 28] softened."""
    blurred: FloatArray = ndimage.gaussian_filter(images, (0, BLUR, BLUR), mode="constant")
    return blurred


def _blurred(images: npt.NDArray[np.uint8]) -> FloatArray:
    return _blur(mnist.ink(images)).reshape(len(images), -1)


def _directions(features: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions: FloatArray = features / np.maximum(lengths, 1e-6)
    return directions
