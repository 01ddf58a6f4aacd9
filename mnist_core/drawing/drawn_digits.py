"""Several digits on one drawing: where each one stands, and what is read in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.cut_out import FoundDigit, prepared
from mnist_core.drawing.ink_mask import EVEN_INK
from mnist_core.drawing.not_a_digit import UNSURE, FloatArray, doubt
from mnist_core.drawing.preprocessing import Preprocessing, Steps, prepare
from mnist_core.drawing.reader import Reading, readings
from mnist_core.drawing.second_look import look_again
from mnist_core.drawing.segment import MAX_DIGITS, Box, find_groups, trimmed


def read_digits(image: npt.ArrayLike, model: Any = None) -> list[Reading]:
    """Read a number drawn by hand, its digits from left to right; none for blank paper.

    Arguments and errors are those of `read_drawing`; `box` is in the image's pixels.
    """
    found = find_drawn(image)
    read = readings([digit.steps for digit in found], model)
    return [replace(reading, box=digit.box) for reading, digit in zip(read, found, strict=True)]


def find_drawn(
    image: npt.ArrayLike, preprocessing: Preprocessing | None = None
) -> tuple[FoundDigit, ...]:
    """The digits of a drawing, line by line from left to right; none for blank paper.

    A drawing is taken apart only where the whole looks like no digit and the parts do: the flag of
    a five may stand apart from the rest. Arguments and errors are those of `prepare`.
    """
    steps = prepare(image, preprocessing)
    if steps.blank:
        return ()
    scale = max(np.asarray(image).shape[:2]) / max(steps.ink.shape)
    mask = steps.ink > EVEN_INK
    whole = trimmed(0, 0, mask)
    if whole is None:  # grey all over
        return (FoundDigit(Box(0, 0, *steps.ink.shape[::-1]).scaled(scale), steps),)
    groups = look_again(steps.ink, find_groups(mask, even=True))
    parts = prepared(steps.ink, groups[:MAX_DIGITS], preprocessing)
    if len(parts) < 2 or not _are_several(steps, parts):
        return (FoundDigit(whole.box.scaled(scale), steps),)
    return tuple(replace(part, box=part.box.scaled(scale)) for part in parts)


def _are_several(whole: Steps, parts: list[FoundDigit]) -> bool:
    images = np.stack([whole.image28, *(part.steps.image28 for part in parts)])
    doubts: FloatArray = doubt(images)
    digits = int((doubts[1:] <= UNSURE).sum())
    return bool(doubts[0] > UNSURE and digits >= max(2, len(parts) / 2))
