"""Several digits on one drawing: where each one stands, and what is read in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.cut_out import FoundDigit, prepared
from mnist_core.drawing.ink_mask import EVEN_INK
from mnist_core.drawing.not_a_digit import UNSURE, doubt
from mnist_core.drawing.partition import best_groups
from mnist_core.drawing.preprocessing import Preprocessing, prepare
from mnist_core.drawing.reader import Reading, readings
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
    marks = trimmed(0, 0, mask)
    box = Box(0, 0, *steps.ink.shape[::-1]) if marks is None else marks.box  # None: grey all over
    whole = (FoundDigit(box.scaled(scale), steps),)
    if marks is None or float(doubt(steps.image28[None])[0]) <= UNSURE:
        return whole
    groups = best_groups(steps.ink, *find_groups(mask, even=True))
    parts = prepared(steps.ink, groups[:MAX_DIGITS], preprocessing) if len(groups) > 1 else []
    if not _are_digits(parts):
        return whole
    return tuple(replace(part, box=part.box.scaled(scale)) for part in parts)


def _are_digits(parts: list[FoundDigit]) -> bool:
    """True when at least two of the parts, and half of them, look like digits."""
    if len(parts) < 2:
        return False
    doubts = doubt(np.stack([part.steps.image28 for part in parts]))
    return int((doubts <= UNSURE).sum()) >= max(2, len(parts) / 2)
