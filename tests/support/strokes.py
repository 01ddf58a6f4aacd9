"""Digits as strokes on the canvas."""

from __future__ import annotations

from benchmarks._digits import DIGITS
from mnist_core.drawing.strokes import Stroke


def strokes(digit, *, size=200.0, left=40.0, top=40.0, width=20.0):
    return tuple(
        Stroke(tuple((left + size * x, top + size * y) for x, y in stroke), width)
        for stroke in DIGITS[digit]
    )
