"""Reasons for a reading: what speaks for the digit, and what would change the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.drawing.preprocessing import THICKEST
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import IMAGES, Weights, as_batch, probe
from mnist_core.inspection.compiled import CompiledNetwork

FloatArray = npt.NDArray[np.float32]
Read = Callable[[FloatArray], FloatArray]

# A gradient at one image is grainy: it is averaged over this many copies with this much noise.
COPIES, NOISE = 24, 0.12
# Lengths of the strokes that are tried, in pixels of the 28: a dab first.
LENGTHS = (0, 2, 4, 6, 9, 12, 15)
DIRECTIONS = 8
# The rubber takes away a little more than a pen stroke is wide.
PEN, RUBBER = THICKEST, THICKEST + 0.8
# Places that are tried lie this far apart; less changed ink than this counts as no change.
GRID, LEAST_INK = 2, 0.8
BATCH = 250


@dataclass(frozen=True, eq=False)
class Flip:
    """The smallest change found that makes a network read another digit.

    `change` float32 [28, 28] is what is added to the image (negative where ink goes); `digit` and
    `probability` are what is read then; `ink` is the change as a share of the image's ink.
    """

    change: FloatArray
    digit: int
    probability: float
    ink: float

    @property
    def added(self) -> bool:
        """True when ink is added, False when it is taken away."""
        return float(self.change.sum()) > 0


def evidence(network: NetworkSpec, weights: Weights, image: FloatArray, digit: int) -> FloatArray:
    """The gain of evidence for `digit` from more ink at each pixel, float32 [28, 28].

    The gradient of the logarithm of the digit's odds, averaged over copies of the image
    float32 [28, 28] with a little noise; negative where ink speaks against the digit.
    """
    noise = np.random.default_rng(0).normal(0, NOISE, (COPIES, 28, 28)).astype(np.float32)
    images = as_batch(np.clip(image + noise, 0, 1))
    found = probe(network)
    function = found.compiled("odds", _make_odds, IMAGES, ((), "int32"))
    slopes = function(found.checked(weights), images, np.int32(digit))
    mean: FloatArray = slopes.mean(0)[..., 0]
    return mean


def _make_odds(tf: Any, network: CompiledNetwork) -> Callable[..., Any]:
    def function(weights: Any, images: Any, digit: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = network.call(weights, images)[-2]
            others = tf.reduce_logsumexp(
                tf.where(tf.one_hot(digit, logits.shape[-1], True, False), -np.inf, logits), axis=1
            )
            odds = tf.gather(logits, digit, axis=1) - others
        return tape.gradient(odds, images)

    return function


def smallest_flip_of(network: NetworkSpec, weights: Weights, image: FloatArray) -> Flip | None:
    """`smallest_flip` of a network's reading; thousands of images are read where TensorFlow is.

    Raises WeightsError and WorkFailed.
    """
    found: Flip | None = computing.run(
        _flip_of, network, probe(network).checked(weights), image,
        about=("flip", network), slow=True,
    )  # fmt: skip
    return found


def _flip_of(network: NetworkSpec, weights: Weights, image: FloatArray) -> Flip | None:
    return smallest_flip(partial(probe(network).probabilities, weights), image)


def smallest_flip(read: Read, image: FloatArray) -> Flip | None:
    """The shortest single stroke of pen or rubber that changes the answer; None when none does.

    `read` gives probabilities [n, 10] for images float32 [n, 28, 28]. Strokes of growing length
    are tried at all places and in all directions; of the shortest that change the answer, the
    one that changes the least ink is taken.
    """
    before = int(read(image[None])[0].argmax())
    for length in LENGTHS:
        found: list[Flip] = []
        for changes in _changes(image, length):
            shares = read(np.clip(image + changes, 0, 1))
            answers = shares.argmax(1)
            flipped = np.flatnonzero(answers != before)
            if len(flipped):
                amounts = np.abs(changes[flipped]).sum((1, 2))
                best = int(flipped[amounts.argmin()])
                digit = int(answers[best])
                ink = float(amounts.min() / image.sum())
                found.append(Flip(changes[best], digit, float(shares[best, digit]), ink))
        if found:
            return min(found, key=lambda flip: flip.ink)
    return None


def _changes(image: FloatArray, length: int) -> Iterator[FloatArray]:
    """The ink that each stroke of this length would add to the image, in batches [n, 28, 28]."""
    for width, sign in ((PEN, 1), (RUBBER, -1)):
        marks = _marks(length, width)
        room = 1 - image if sign > 0 else image
        for at in range(0, len(marks), BATCH):
            changes = sign * np.minimum(marks[at : at + BATCH], room)
            enough = np.abs(changes).sum((1, 2)) >= LEAST_INK
            if enough.any():
                yield changes[enough]


@lru_cache(maxsize=32)
def _marks(length: int, width: float) -> FloatArray:
    """Strokes of one length at all places in all directions, float32 [n, 28, 28] in [0, 1]."""
    y, x = np.mgrid[:28, :28].astype(np.float32)
    middles = np.arange(3, 26, GRID)
    directions = DIRECTIONS if length else 1
    marks = []
    for angle in np.arange(directions) * np.pi / directions:
        reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        for cy in middles:
            for cx in middles:
                along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
                along = np.clip(along, -length / 2, length / 2)
                dx = x - cx - along * np.cos(angle)
                dy = y - cy - along * np.sin(angle)
                ends = np.array([cx, cy]) + np.outer([-1, 1], reach)
                if ends.min() >= 2 and ends.max() <= 25:
                    marks.append(np.clip(width / 2 + 0.5 - np.hypot(dx, dy), 0, 1))
    return np.array(marks, np.float32)
