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

FloatArray = npt.NDArray[np.float32]

COMPONENTS = 64
BLUR = 1.0
# Every so many-th image decides which components count.
FIT_EVERY = 6
CHUNK = 5000
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


@lru_cache(maxsize=1)
def _neighbours() -> Neighbours:
    data = mnist.load()
    return Neighbours(data.x_train, data.y_train)


def neighbours() -> Neighbours:
    """The index of MNIST's training images; made at the first call, which takes a second."""
    with _INDEXING:  # two visitors at once must not make it twice
        return _neighbours()


def _blur(images: FloatArray) -> FloatArray:
    """Each image [n, 28, 28] softened."""
    blurred: FloatArray = ndimage.gaussian_filter(images, (0, BLUR, BLUR), mode="constant")
    return blurred


def _blurred(images: npt.NDArray[np.uint8]) -> FloatArray:
    return _blur(mnist.ink(images)).reshape(len(images), -1)
