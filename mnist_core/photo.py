"""From a photo, a scan or a screenshot to its digits, in the order in which one reads them.

    file ─► picture ─► ink ─► without lines and frames ─► marks ─► digits ─► 28×28 each
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing import FloatArray, Reading, Steps, prepare, readings
from mnist_core.ink_mask import enlarged, ink_and_mask
from mnist_core.picture_file import PhotoError, open_picture
from mnist_core.ruled_lines import without_other_lines
from mnist_core.segment import MAX_DIGITS, Box, Group, find_groups, reading_lines

__all__ = ["FoundDigit", "FoundPicture", "PhotoError", "find_photo", "read_photo"]


@dataclass(frozen=True, eq=False)
class FoundDigit:
    """A digit that was found: its place, and its way to 28×28."""

    box: Box
    steps: Steps


@dataclass(frozen=True, eq=False)
class FoundPicture:
    """The picture, uint8 [H, W, 3], and its digits line by line from left to right.

    `lines` holds the places of each line's digits; `left_out` says how many were too many;
    `scale` how many pixels of the file are one of the picture's.
    """

    picture: npt.NDArray[np.uint8]
    digits: tuple[FoundDigit, ...]
    lines: tuple[tuple[int, ...], ...]
    left_out: int = 0
    scale: float = 1.0


def read_photo(file: bytes, model: Any = None) -> list[Reading]:
    """Read the digits of a picture file in order; `box` is in the file's own pixels, upright.

    `model` is as in `read_drawing`. Raises PhotoError, one sentence.
    """
    found = find_photo(file)
    read = readings([digit.steps for digit in found.digits], model)
    return [
        replace(reading, box=digit.box.scaled(found.scale))
        for reading, digit in zip(read, found.digits, strict=True)
    ]


def find_photo(file: bytes) -> FoundPicture:
    """Find the digits in a PNG, JPEG, HEIC, WebP, AVIF, BMP or GIF file.

    Raises PhotoError, one sentence.
    """
    picture, scale = open_picture(file)
    try:
        picture, times = enlarged(picture)
        digits = _found(picture)
    except (ValueError, IndexError, ArithmeticError, MemoryError) as error:
        # A picture that nobody has thought of: the person is told, whoever tests sees the cause.
        raise PhotoError("The picture cannot be read; try one with fewer lines or marks.") from error
    lines = reading_lines([digit.box for digit in digits[:MAX_DIGITS]])
    return FoundPicture(
        picture,
        tuple(digits[:MAX_DIGITS]),
        tuple(map(tuple, lines)),
        max(0, len(digits) - MAX_DIGITS),
        scale / times,
    )


def _found(picture: npt.NDArray[np.uint8]) -> list[FoundDigit]:
    ink, mask, even = ink_and_mask(picture)
    groups = find_groups(without_other_lines(mask), even=even)
    found = [FoundDigit(group.box, prepare(cut_out(ink, group))) for group in groups]
    return [digit for digit in found if not digit.steps.blank]


def cut_out(ink: FloatArray, group: Group) -> npt.NDArray[np.uint8]:
    """One digit alone, dark on white paper, with a margin: a picture for `prepare`."""
    from scipy import ndimage

    box = group.box
    own = ink[box.top : box.bottom, box.left : box.right]
    margin = 4 + max(box.width, box.height) // 6
    around = ndimage.binary_dilation(np.pad(group.marks, margin))
    pixels = np.where(around, np.pad(own, margin), 0)
    full = float(np.quantile(own[group.marks], 0.6))
    return (255 - np.round(255 * np.clip(pixels / max(full, 1e-6), 0, 1))).astype(np.uint8)
