"""One digit cut out of a picture that holds more, and its way to 28×28."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_core.drawing.preprocessing import FloatArray, Preprocessing, Steps, prepare
from mnist_core.drawing.segment import Box, Group

# Marks with less ink than this share of the usual are mended.
MENDED = 0.25


@dataclass(frozen=True, eq=False)
class FoundDigit:
    """A digit that was found: its place in the picture, and its way to 28×28."""

    box: Box
    steps: Steps


def prepared(
    ink: FloatArray, groups: list[Group], preprocessing: Preprocessing | None = None
) -> list[FoundDigit]:
    """The digits that these groups of marks are; `ink` is the whole picture's, [H, W] in [0, 1]."""
    found = [FoundDigit(group.box, prepare(cut_out(ink, group), preprocessing)) for group in groups]
    return [digit for digit in found if not digit.steps.blank]


def cut_out(ink: FloatArray, group: Group) -> npt.NDArray[np.uint8]:
    """One digit alone, dark on white paper, with a margin: a picture for `prepare`.

    Where a group has marks and the picture no ink, a torn stroke was mended.
    """
    box = group.box
    own = ink[box.top : box.bottom, box.left : box.right]
    margin = 4 + max(box.width, box.height) // 6
    around = ndimage.binary_dilation(np.pad(group.marks, margin))
    full = float(np.quantile(own[group.marks], 0.6))
    own = np.where(group.marks & (own < MENDED * full), full, own)
    pixels = np.where(around, np.pad(own, margin), 0)
    return (255 - np.round(255 * np.clip(pixels / max(full, 1e-6), 0, 1))).astype(np.uint8)
