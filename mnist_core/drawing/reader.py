"""The digit that a network reads in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.not_a_digit import DOUBTFUL, doubt
from mnist_core.drawing.predict import predict
from mnist_core.drawing.preprocessing import FloatArray, Preprocessing, Steps, prepare
from mnist_core.drawing.pretrained import load_default_model
from mnist_core.drawing.segment import Box


@dataclass(frozen=True, eq=False)
class Reading:
    """A network's reading. `digit` is None for a blank picture; its probabilities are all 0.1.

    `probabilities` float32 [10]; `image28` float32 [28, 28] in [0, 1], what the network saw;
    `doubt` the probability that it is no digit; `box` its place in the picture, in pixels, and
    `steps` its way to 28×28, where these are known.
    """

    digit: int | None
    probabilities: FloatArray
    image28: FloatArray
    doubt: float = 0.0
    box: Box | None = None
    steps: Steps | None = None

    @property
    def confidence(self) -> float:
        """The probability of the digit read; 0 for a blank picture."""
        return 0.0 if self.digit is None else float(self.probabilities[self.digit])

    @property
    def looks_like_digit(self) -> bool:
        """False for a blank picture, and where the page says "Not a digit?"."""
        return self.digit is not None and self.doubt <= DOUBTFUL


def read_drawing(
    image: npt.ArrayLike, model: Any = None, preprocessing: Preprocessing | None = None
) -> Reading:
    """Read the digit in a picture.

    Args:
        image: uint8 [H, W] grey, [H, W, 3] RGB or [H, W, 4] RGBA, dark ink on light paper or the
            reverse, the digit anywhere and of any size.
        model: A Keras model from (28, 28, 1) or (28, 28) to ten probabilities; the default model
            unless given.
        preprocessing: The steps that are taken; all unless given.

    Returns:
        The digit, None for blank paper; its probabilities; the image that the network saw.

    Raises:
        ValueError: The image has another shape or type.

    >>> paper = np.full((280, 280), 255, np.uint8)
    >>> read_drawing(paper).digit is None
    True
    """
    return readings([prepare(image, preprocessing)], model)[0]


def readings(prepared: Sequence[Steps], model: Any = None) -> list[Reading]:
    """A network's readings of several pictures that went through `prepare`."""
    inked = [steps for steps in prepared if not steps.blank]
    if not inked:
        return [_nothing(steps) for steps in prepared]
    images = np.stack([steps.image28 for steps in inked])
    probabilities = predict(load_default_model() if model is None else model, images)
    answers = iter(zip(probabilities, doubt(images), strict=True))
    return [
        _nothing(steps) if steps.blank else _reading(steps, *next(answers)) for steps in prepared
    ]


def _reading(steps: Steps, probabilities: FloatArray, doubt: float) -> Reading:
    digit = int(probabilities.argmax())
    return Reading(digit, probabilities, steps.image28, float(doubt), steps=steps)


def _nothing(steps: Steps) -> Reading:
    return Reading(None, np.full(10, 0.1, np.float32), steps.image28, steps=steps)
