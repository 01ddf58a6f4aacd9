"""Marks: what hangs together in a mask, numbered, the largest ones alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]
ALL_AROUND = np.ones((3, 3))


def label_marks(mask: Mask, most: int, within: Mask | None = None) -> Labels:
    """Numbers int32 [H, W], from 1 on, of the `most` marks with the most pixels; 0 elsewhere.

    What hangs together in `within`, where it is given, is one mark. A picture of noise has tens of
    thousands of marks: whatever works on each of them works on these alone.
    """
    labels, count = ndimage.label(mask if within is None else within, ALL_AROUND)
    labels = np.where(mask, labels, 0).astype(np.int32)
    amounts = np.bincount(labels.ravel(), minlength=count + 1)
    amounts[0] = 0
    largest = np.argsort(-amounts)[:most]
    numbers = np.zeros(count + 1, np.int32)
    numbers[largest] = np.arange(1, len(largest) + 1)
    numbers[amounts == 0] = 0
    found: Labels = numbers[labels]
    return found


def stroke_width(mask: Mask) -> float:
    """The usual width of the strokes in pixels; 0 without ink."""
    if not mask.any():
        return 0.0
    depths = ndimage.distance_transform_edt(np.pad(mask, 1))
    ridge = depths[(depths > 0) & (depths >= ndimage.maximum_filter(depths, 3))]
    return 2 * float(np.median(ridge)) if ridge.size else 0.0
