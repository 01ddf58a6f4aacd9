"""Measures of colours."""

from __future__ import annotations

import numpy as np


def linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def oklab(rgb):
    """Björn Ottosson's OKLab."""
    lms = np.cbrt(
        np.clip(
            np.array(
                [
                    [0.41222, 0.53633, 0.05145],
                    [0.21190, 0.68070, 0.10740],
                    [0.08830, 0.28172, 0.62998],
                ]
            )
            @ rgb,
            0,
            None,
        )
    )
    return (
        np.array(
            [
                [0.21045, 0.79362, -0.00407],
                [1.97800, -2.42859, 0.45059],
                [0.02590, 0.78277, -0.80868],
            ]
        )
        @ lms
    )
