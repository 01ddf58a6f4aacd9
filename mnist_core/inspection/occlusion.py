"""Occlusion maps: how much a digit's logit falls when a part of the image is covered."""

from __future__ import annotations

import numpy as np

from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import FloatArray, Weights, probe
from mnist_core.inspection.gradients import checked_digit

# Pixels that the covering square is wide; about as wide as a stroke with its edges.
SIDE = 5


def occlusion(
    network: NetworkSpec, weights: Weights, image: FloatArray, digit: int, side: int = SIDE
) -> FloatArray:
    """The fall of a digit's logit for each place of a black square over the image.

    A square without ink below it changes nothing and gets 0. Zeiler and Fergus (2014), with
    MNIST's background for their grey.

    Args:
        network: The layers.
        weights: Theirs, in Keras's order.
        image: float32 [28, 28] in [0, 1].
        digit: The class whose logit is watched.
        side: The square's width in pixels, odd.

    Returns:
        float32 [28, 28]: at each pixel the logit of the whole image minus that of the image with
        the square centred there; above 0 where what is covered speaks for the digit.

    Raises:
        WeightsError: The weights belong to another network.
        ValueError: There is no such digit.
    """
    digit = checked_digit(digit, network)
    image = np.asarray(image, np.float32)
    covered = covered_images(image, side)
    changed = (covered != image).any((1, 2))
    batch = np.concatenate([image[None], covered[changed]])
    logits = probe(network).output(weights, batch, "logits")[:, digit]
    falls = np.zeros(len(covered), np.float32)
    falls[changed] = logits[0] - logits[1:]
    return falls.reshape(image.shape)


def covered_images(image: FloatArray, side: int) -> FloatArray:
    """The image [h, w] with a black square of `side` pixels around each pixel, [h·w, h, w]."""
    height, width = image.shape
    rows, columns = (
        np.abs(np.arange(size)[:, None] - np.arange(size)) <= side // 2 for size in (height, width)
    )
    # [row of the centre, column of the centre, row, column]
    square = rows[:, None, :, None] & columns[None, :, None, :]
    return np.where(square, np.float32(0), image).reshape(-1, height, width)
