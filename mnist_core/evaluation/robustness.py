"""Robustness of a network: accuracy on perturbed images, and on adversarial ones.

A perturbation takes images float32 [n, 28, 28] in [0, 1] and a strength, and gives the same form;
what it brings in from outside the image is empty paper. `predict` is any function from such
images to probabilities [n, 10].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_core.evaluation.metrics import accuracy, read_digits

FloatArray = npt.NDArray[np.float32]
Predict = Callable[[FloatArray], npt.NDArray[Any]]

# The search for the smallest fooling change: images tried at a time, and how fine it gets.
TRIES = 51
FINEST = 2.5e-4


def rotate(images: FloatArray, degrees: float) -> FloatArray:
    """Turned about the middle, anticlockwise for positive `degrees`; bilinear."""
    side = images.shape[-1]
    axis = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # Where each pixel of the result comes from; y points down.
    return _read_at(images, cosine * y + sine * x, cosine * x - sine * y)


def shift(images: FloatArray, right: float = 0.0, down: float = 0.0) -> FloatArray:
    """Moved by so many pixels, whole or not; what leaves the image is lost."""
    side = images.shape[-1]
    axis = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(axis - down, axis - right, indexing="ij")
    return _read_at(images, y, x)


def resize(images: FloatArray, percent: float) -> FloatArray:
    """Drawn larger by so many percent about the middle, smaller when it is negative; bilinear.

    Raises ValueError from −100% down, where nothing is left.
    """
    if percent <= -100:
        raise ValueError(f"An image {-percent:g}% smaller has no size.")
    side = images.shape[-1]
    axis = (np.arange(side) - (side - 1) / 2) / (1 + percent / 100)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return _read_at(images, y, x)


def noise(images: FloatArray, std: float, seed: int = 0) -> FloatArray:
    """With normal noise of this standard deviation on each pixel, cut to [0, 1].

    One seed, one pattern, whatever the strength.
    """
    pattern = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return np.clip(images + np.float32(std) * pattern, 0.0, 1.0)


def blur(images: FloatArray, sigma: float) -> FloatArray:
    """Blurred by a Gaussian of this standard deviation, in pixels."""
    if sigma <= 0:
        return images.copy()
    blurred = ndimage.gaussian_filter(images, (0.0, sigma, sigma), mode="constant")
    return np.clip(blurred, 0.0, 1.0)  # rounding may come out above 1


def thickness(images: FloatArray, amount: float) -> FloatArray:
    """Strokes `amount` pixels wider on each side, thinner when it is negative.

    A whole pixel takes the lightest or darkest of each 3×3 neighbourhood (grey dilation and
    erosion); a part of one mixes the image before and after.
    """
    extreme = ndimage.maximum_filter if amount > 0 else ndimage.minimum_filter
    result, left = images, abs(amount)
    while left > 0:
        changed = extreme(result, (1, 3, 3), mode="nearest")
        result = result + np.float32(min(left, 1.0)) * (changed - result)
        left -= 1.0
    return result.copy() if result is images else result


def _read_at(images: FloatArray, y: npt.NDArray[Any], x: npt.NDArray[Any]) -> FloatArray:
    """Each image read at offsets y, x [28, 28] from its middle; bilinear, paper outside."""
    count, side, _ = images.shape
    middle = (side - 1) / 2
    # A border of one pixel of paper: what lies further out is paper as well.
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(count, -1)
    y = np.clip(y + middle, -1.0, float(side)) + 1.0
    x = np.clip(x + middle, -1.0, float(side)) + 1.0
    top = np.minimum(np.floor(y), side).astype(np.intp)
    left = np.minimum(np.floor(x), side).astype(np.intp)
    down, across = (y - top).ravel(), (x - left).ravel()
    corner = (top * (side + 2) + left).ravel()
    result = np.zeros((count, side * side), np.float32)
    for offset, share in (
        (0, (1 - down) * (1 - across)),
        (1, (1 - down) * across),
        (side + 2, down * (1 - across)),
        (side + 3, down * across),
    ):
        result += padded[:, corner + offset] * share.astype(np.float32)
    return np.clip(result, 0.0, 1.0).reshape(images.shape)  # rounding may come out above 1


@dataclass(frozen=True)
class Perturbation:
    """A perturbation of images and its name; `axis` says what its strengths measure.

    Strengths go from `low` to `high`; `steps` are those of a curve; 0 changes nothing.
    """

    title: str
    unit: str
    axis: str
    low: float
    high: float
    steps: tuple[float, ...]
    apply: Callable[[FloatArray, float], FloatArray]

    def told(self, strength: float) -> str:
        """A strength with its unit: "−15°", "0.3"."""
        gap = "" if self.unit in ("", "°", "%") else " "
        return f"{strength:g}{gap}{self.unit}".replace("-", "−")


def _steps(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in np.linspace(low, high, count))


PERTURBATIONS: dict[str, Perturbation] = {
    "rotate": Perturbation(
        "Rotation", "°", "degrees anticlockwise", -90.0, 90.0, _steps(-90, 90, 19), rotate
    ),
    "shift_right": Perturbation(
        "Shift across", "px", "pixels to the right", -8.0, 8.0, _steps(-8, 8, 17), shift
    ),
    "shift_down": Perturbation(
        "Shift down", "px", "pixels downwards", -8.0, 8.0, _steps(-8, 8, 17),
        lambda images, pixels: shift(images, down=pixels),
    ),
    "resize": Perturbation(
        "Size", "%", "percent larger", -60.0, 60.0, _steps(-60, 60, 13), resize
    ),
    "noise": Perturbation(
        "Noise", "", "standard deviation (ink is 1)", 0.0, 0.6, _steps(0, 0.6, 13), noise
    ),
    "blur": Perturbation(
        "Blur", "px", "standard deviation in pixels", 0.0, 3.0, _steps(0, 3, 7), blur
    ),
    "thickness": Perturbation(
        "Thickness", "px", "pixels wider on each side", -2.0, 3.0, _steps(-2, 3, 11), thickness
    ),
}  # fmt: skip


def perturb(images: FloatArray, name: str, strength: float) -> FloatArray:
    """Images changed by the perturbation of this name; ValueError for a strength out of range."""
    kind = PERTURBATIONS[name]
    if not kind.low <= strength <= kind.high:  # not a number is out of range too
        raise ValueError(
            f"{kind.title} goes from {kind.low:g} to {kind.high:g}; {strength:g} is not."
        )
    return kind.apply(np.asarray(images, np.float32), strength)


def accuracy_curve(
    predict: Predict,
    images: FloatArray,
    labels: npt.ArrayLike,
    name: str,
    strengths: Sequence[float] | None = None,
) -> npt.NDArray[np.float64]:
    """The accuracy at each strength (by default the perturbation's steps).

    Raises ValueError for a network that has diverged, as `mnist_core.evaluation.metrics` does.
    """
    chosen = PERTURBATIONS[name].steps if strengths is None else strengths
    found = [accuracy(predict(perturb(images, name, value)), labels) for value in chosen]
    return np.array(found, np.float64)


def fgsm(gradient: FloatArray, image: FloatArray, epsilon: float) -> FloatArray:
    """Each pixel moved by `epsilon` to where the loss grows, and cut to [0, 1]; [28, 28].

    The fast gradient sign method of Goodfellow, Shlens and Szegedy, “Explaining and Harnessing
    Adversarial Examples” (2015). `gradient` is that of the loss by the image.
    """
    return np.clip(image + np.float32(epsilon) * np.sign(gradient), 0.0, 1.0, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Fooling:
    """The smallest change found at which the network misreads an image.

    At `epsilon` it reads `image` float32 [28, 28] as `read`, with `probabilities` [10]; at
    `below`, the next smaller one tried, still rightly. Both are 0 when the image needs no
    change to be misread.
    """

    epsilon: float
    below: float
    image: FloatArray
    read: int
    probabilities: FloatArray


def fgsm_probabilities(
    predict: Predict, image: FloatArray, gradient: FloatArray, epsilons: npt.ArrayLike
) -> FloatArray:
    """The network's probabilities at each epsilon, float32 [k, 10].

    Raises ValueError for a network that has diverged.
    """
    if not np.isfinite(gradient).all():
        raise ValueError("The gradient is not a number (NaN): this network has diverged.")
    batch = np.stack([fgsm(gradient, image, float(value)) for value in np.asarray(epsilons)])
    answers = np.asarray(predict(batch), np.float32)
    read_digits(answers)
    return answers


def fooling_grid(limit: float) -> npt.NDArray[np.float64]:
    """The epsilons that `smallest_fooling_epsilon` tries first, float64 [TRIES]."""
    return np.linspace(0.0, limit, TRIES)


def smallest_fooling_epsilon(
    predict: Predict,
    image: FloatArray,
    gradient: FloatArray,
    label: int,
    limit: float = 0.5,
    answers: FloatArray | None = None,
) -> Fooling | None:
    """The smallest epsilon up to `limit` that makes the network misread `image`, if any does.

    All of a grid is tried at once, then a finer one between the last that is read rightly and
    the first that is not, until they are less than FINEST apart. A misread island narrower
    than the first grid's step may be missed. `answers` are those to the first grid,
    `fooling_grid(limit)`, where they are known. Raises ValueError for a network that has diverged.
    """
    found = None
    low, high = 0.0, limit
    while True:
        epsilons = np.linspace(low, high, TRIES)
        if found is not None or answers is None:
            answers = fgsm_probabilities(predict, image, gradient, epsilons)
        wrong = np.flatnonzero(answers.argmax(axis=1) != label)
        # At a tie rounding may decide otherwise in another batch: then the coarser answer holds.
        if not len(wrong) or (found and wrong[0] == 0):
            return found
        first = int(wrong[0])
        low, high = float(epsilons[max(first - 1, 0)]), float(epsilons[first])
        read, answer = int(answers[first].argmax()), answers[first]
        found = Fooling(high, low, fgsm(gradient, image, high), read, answer)
        if high - low < FINEST:
            return found
