"""The preparation of a model's images before it saw them, found by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels, as everybody writes them
# So many images serve to tell which preparations come into question at all, and fewer with a
# network that takes more multiplications than this for all of them.
FIRST_IMAGES, FEWEST_IMAGES = 2000, 300
MOST_MULTIPLICATIONS = 400_000_000_000
# Accuracies this near are told apart by the loss: a model is surest of what it was trained on.
NEAR_AT_FIRST, NEAR = 0.03, 0.004
MOST_FINALISTS = 4
# Below this share of right answers something is likely to be wrong.
POOR = 0.8


@dataclass(frozen=True)
class Preparation:
    """A change of an image with ink in [0, 1]: x · scale + offset, or columns of length 1.

    `words` complete the sentence "It reads images with …".
    """

    words: str
    scale: float = 1.0
    offset: float = 0.0
    unit_norm: bool = False

    def apply(self, ink: FloatArray) -> FloatArray:
        """Images [n, 28, 28] as the model takes them."""
        if self.unit_norm:
            lengths = np.sqrt(np.square(ink).sum(axis=1, keepdims=True))
            return np.asarray(ink / np.where(lengths == 0, 1, lengths), np.float32)
        return ink * np.float32(self.scale) + np.float32(self.offset)


PREPARATIONS = (
    Preparation("ink from 0 to 1"),
    Preparation("ink from 0 to 255", 255.0),
    Preparation("ink from −1 to 1", 2.0, -1.0),
    Preparation("MNIST’s mean and deviation taken out", 1 / DEVIATION, -MEAN / DEVIATION),
    Preparation("ink from −0.5 to 0.5", 1.0, -0.5),
    Preparation("each column divided by its length, as keras.utils.normalize does",
                unit_norm=True),
    Preparation("dark ink on light paper, from 0 to 1", -1.0, 1.0),
    Preparation("dark ink on light paper, from 0 to 255", -255.0, 255.0),
    Preparation("dark ink on light paper, from −1 to 1", -2.0, 1.0),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """The preparation that a model reads best, with its accuracy and loss on all the images."""

    preparation: Preparation
    accuracy: float
    loss: float


def best(
    read: Callable[[FloatArray], FloatArray],
    ink: FloatArray,
    labels: npt.NDArray[np.uint8],
    multiplications: int = 0,
) -> Measured:
    """The preparation that `read`, from images to probabilities, makes the most of.

    `multiplications` are what it takes for one image.
    """
    most = MOST_MULTIPLICATIONS // max(1, multiplications)
    some = slice(0, min(FIRST_IMAGES, max(FEWEST_IMAGES, most // len(PREPARATIONS))))
    first = [_measure(read, one, ink[some], labels[some]) for one in PREPARATIONS]
    highest = max(found.accuracy for found in first)
    near = [found for found in first if found.accuracy >= highest - NEAR_AT_FIRST]
    near = sorted(near, key=lambda found: -found.accuracy)[:MOST_FINALISTS]
    count = max(some.stop, min(len(ink), most // len(near)))
    if len(near) > 1 and count > some.stop:
        near = [_measure(read, found.preparation, ink[:count], labels[:count]) for found in near]
    highest = max(found.accuracy for found in near)
    likely = min((found for found in near if found.accuracy >= highest - NEAR),
                 key=lambda found: found.loss)  # fmt: skip
    return _measure(read, likely.preparation, ink, labels)


def _measure(
    read: Callable[[FloatArray], FloatArray],
    preparation: Preparation,
    ink: FloatArray,
    labels: npt.NDArray[np.uint8],
) -> Measured:
    shares = np.nan_to_num(read(preparation.apply(ink)), nan=0.0)
    right = shares[np.arange(len(labels)), labels]
    accuracy = float((shares.argmax(1) == labels).mean())
    return Measured(preparation, accuracy, float(-np.log(np.maximum(right, 1e-12)).mean()))
