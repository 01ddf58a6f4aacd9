"""From a photo, a scan or a screenshot to its digits, in the order in which one reads them.

file ─► picture ─► ink ─► without lines and frames ─► marks ─► pieces ─► digits ─► 28×28 each
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.cut_out import FoundDigit, prepared
from mnist_core.drawing.ink_mask import enlarged, find_ink
from mnist_core.drawing.partition import best_groups
from mnist_core.drawing.picture_file import PhotoError, open_picture
from mnist_core.drawing.reader import Reading, readings
from mnist_core.drawing.segment import MAX_DIGITS, find_groups, reading_lines

__all__ = ["FoundDigit", "FoundPicture", "PhotoError", "find_photo", "read_photo"]


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
    """Read the digits of a picture file.

    Args:
        file: The content of a PNG, JPEG, HEIC, WebP, AVIF, BMP or GIF file.
        model: As in `read_drawing`.

    Returns:
        The readings in reading order; `box` is in the file's own pixels, upright.

    Raises:
        PhotoError: The file cannot be read; one sentence.
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
        return find_in_picture(picture, scale)
    except (ValueError, IndexError, ArithmeticError, MemoryError) as error:
        # A picture that nobody has thought of: the person is told, and a log keeps the cause.
        raise PhotoError(
            "The picture cannot be read; try one with fewer lines or marks."
        ) from error


def find_in_picture(picture: npt.NDArray[np.uint8], scale: float = 1.0) -> FoundPicture:
    """Find the digits in uint8 [H, W, 3]; `scale` is as in `FoundPicture`, before enlarging."""
    picture, times = enlarged(picture)
    ink = find_ink(picture)
    groups = best_groups(ink.amount, *find_groups(ink.mask, even=ink.even), ink.lined)
    digits = prepared(ink.amount, groups[:MAX_DIGITS])
    lines = reading_lines([digit.box for digit in digits])
    return FoundPicture(
        picture,
        tuple(digits),
        tuple(map(tuple, lines)),
        max(0, len(groups) - MAX_DIGITS),
        scale / times,
    )
