"""The digit that a network reads in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.predict import predict
from mnist_core.drawing.preprocessing import FloatArray, Preprocessing, prepare
from mnist_core.drawing.pretrained import load_default_model


@dataclass(frozen=True, eq=False)
class Reading:
    """What a network read. `digit` is None for a blank picture; its probabilities are all 0.1.

    `probabilities` float32 [10]; `image28` float32 [28, 28] in [0, 1], what the network saw.
    """

    digit: int | None
    probabilities: FloatArray
    image28: FloatArray

    @property
    def confidence(self) -> float:
        """The probability of the digit read; 0 for a blank picture."""
        return 0.0 if self.digit is None else float(self.probabilities[self.digit])


def read_drawing(
    image: npt.ArrayLike, model: Any = None, preprocessing: Preprocessing | None = None
) -> Reading:
    """Read the digit in a picture.

    `image` is uint8 [H, W] grey, [H, W, 3] RGB or [H, W, 4] RGBA, dark ink on light paper or
    the reverse, the digit anywhere and of any size. `model` is a Keras model from (28, 28, 1)
    or (28, 28) to ten probabilities; None takes the default model. Raises ValueError for
    another shape or type.

    >>> paper = np.full((280, 280), 255, np.uint8)
    >>> read_drawing(paper).digit is None
    True
    """
    steps = prepare(image, preprocessing)
    if steps.blank:
        return Reading(None, np.full(10, 0.1, np.float32), steps.image28)
    if model is None:
        model = load_default_model()
    probabilities = predict(model, steps.image28[None])[0]
    return Reading(int(probabilities.argmax()), probabilities, steps.image28)
