"""How likely it is that an image holds no digit at all.

A network of digits must answer with a digit, whatever it sees. A second, small network was trained
to tell digits from letters, signs, shapes, scribbles and numbers of several digits; it serves every
network's drawings, since what it judges is the image.
"""

from __future__ import annotations

import numpy as np

from mnist_core.drawing import FloatArray, predict
from mnist_core.default_model import load_detector

# Above it a drawing is called "Not a digit?". benchmarks/drawing.py prints which share of pen digits
# and of other drawings lies above.
DOUBTFUL = 0.5


def doubt(images: FloatArray) -> FloatArray:
    """The probability, float32 [n], that each of float32 [n, 28, 28] in [0, 1] is no digit.

    Raises DefaultModelError when a file of `models/` is missing or damaged.
    """
    return predict(load_detector(), images, classes=11)[:, 10]
