"""The training images that lie nearest to an image.

Images are compared after a slight blur, so that a stroke half a pixel further still counts as
near, and by their 64 principal components, which hold nearly all of what tells digits apart: one
image against 60,000 then takes milliseconds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_core.data import mnist
from mnist_core.data.shared_arrays import let_go

FloatArray = npt.NDArray[np.float32]

COMPONENTS = 64
BLUR = 1.0
# Every so many-th image decides which components count.
FIT_EVERY = 6
# Images that are looked at together; more would only take memory.
CHUNK = 1000
NEAREST = 5

_INDEXING = threading.Lock()


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
        mean, scatter = _scatter(images[::FIT_EVERY])
        _, vectors = np.linalg.eigh(scatter)
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


@lru_cache(maxsize=1)
def _neighbours() -> Neighbours:
    data = mnist.load()
    found = Neighbours(data.x_train, data.y_train)
    let_go(data.x_train)
    return found


def neighbours() -> Neighbours:
    """The index of MNIST's training images; made at the first call, which takes a second."""
    with _INDEXING:  # two visitors at once must not make it twice
        return _neighbours()


def _blur(images: FloatArray) -> FloatArray:
    """Each image [n, 28, 28] softened."""
    blurred: FloatArray = ndimage.gaussian_filter(images, (0, BLUR, BLUR), mode="constant")
    return blurred


def _scatter(images: mnist.ByteArray) -> tuple[FloatArray, npt.NDArray[np.float64]]:
    """The mean [784] of the blurred images and their scatter matrix [784, 784] around it."""
    total, products = np.zeros(784), np.zeros((784, 784))
    for at in range(0, len(images), CHUNK):
        part = images[at : at + CHUNK]
        blurred = _blur(mnist.ink(part)).reshape(len(part), -1)
        total += blurred.sum(0, dtype=np.float64)
        products += blurred.T @ blurred
    mean = total / len(images)
    return mean.astype(np.float32), products - len(images) * np.outer(mean, mean)
