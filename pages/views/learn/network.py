"""The lesson's small network at work: both passes for one image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_core.figures.lesson.forward import Back, Flow
from mnist_core.lesson.numpy_net import backward, cross_entropy, forward, pool, softmax
from mnist_core.lesson.recordings import POOLED, small_net


def pixels_of(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The network's input for an image [28, 28]: [7, 7] in [0, 1]."""
    return pool(image / 255.0, POOLED, kind="average")


def compute(image: npt.NDArray[np.uint8]) -> Flow:
    """The forward pass for an image uint8 [28, 28]."""
    hidden, output = small_net().layers
    pixels = pixels_of(image)
    passed = forward([hidden, output], pixels.reshape(1, -1))
    logits = passed.logits[0]
    return Flow(
        pixels, hidden.weights, passed.outputs[1][0], output.weights, logits, softmax(logits)
    )


def compute_back(image: npt.NDArray[np.uint8], label: int) -> tuple[Back, float]:
    """The backward pass for an image uint8 [28, 28] of this digit, and the loss."""
    layers, labels = small_net().layers, np.array([label])
    pixels = pixels_of(image)
    passed = forward(layers, pixels.reshape(1, -1))
    first, last = backward(layers, passed, labels)
    back = Back(label, last.delta[0], first.delta[0], first.inputs[0].reshape(pixels.shape))
    return back, cross_entropy(passed.logits, labels)
