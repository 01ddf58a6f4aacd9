"""Neighbours, what speaks for an answer and what flips it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks._digits import DIGITS
from mnist_core.data import mnist
from mnist_core.drawing.explain import evidence, smallest_flip
from mnist_core.drawing.neighbours import Neighbours, neighbours
from mnist_core.drawing.preprocessing import prepare
from mnist_core.drawing.pretrained import EXPERIMENT, load_default_model
from mnist_core.drawing.strokes import picture
from mnist_core.inspection.activations import probe
from tests.support.strokes import strokes


@cache
def drawn(digit):
    return prepare(picture(strokes(digit))).image28


def read(images):
    return probe(EXPERIMENT.network).probabilities(load_default_model().get_weights(), images)


def test_an_image_is_its_own_nearest_neighbour():
    data = mnist.load()
    index = Neighbours(data.x_train[:3000], data.y_train[:3000])
    for place in (0, 17, 2999):
        found = index.nearest(data.x_train[place].astype(np.float32) / 255)
        assert found[0].index == place and found[0].distance < 0.01
        assert found[0].label == data.y_train[place]
        distances = [one.distance for one in found]
        assert distances == sorted(distances) and len({one.index for one in found}) == 5


def test_distances_are_nearly_those_of_the_blurred_pixels():
    from scipy import ndimage

    data = mnist.load()
    index = Neighbours(data.x_train[:3000], data.y_train[:3000])
    blurred = ndimage.gaussian_filter(
        data.x_train[:3000] / 255, (0, 1, 1), mode="constant"
    ).reshape(3000, -1)
    one = ndimage.gaussian_filter(drawn(3), 1, mode="constant").ravel()
    exact = np.linalg.norm(blurred - one, axis=1) / np.linalg.norm(one)
    found = index.distances(drawn(3)[None])[0]
    assert np.corrcoef(exact, found)[0, 1] > 0.99


def test_most_neighbours_of_a_drawing_are_the_same_digit():
    for digit in DIGITS:
        labels = [one.label for one in neighbours().nearest(drawn(digit), 10)]
        assert labels.count(digit) >= 6, (digit, labels)


@pytest.mark.parametrize("digit", [3, 7])
def test_ink_that_speaks_for_a_digit_raises_its_odds(digit):
    network, weights, image = probe(EXPERIMENT.network), load_default_model().get_weights(), None
    image = drawn(digit)
    slopes = evidence(EXPERIMENT.network, weights, image, digit)
    assert slopes.shape == (28, 28) and slopes.dtype == np.float32 and slopes.any()

    def odds(pixels):
        sums = network.output(weights, pixels[None], "logits")[0].astype(np.float64)
        others = np.delete(sums, digit)
        return sums[digit] - np.logaddexp.reduce(others)

    step = 0.05 * slopes / np.abs(slopes).max()
    assert odds(np.clip(image + step, 0, 1)) > odds(image) > odds(np.clip(image - step, 0, 1))


@pytest.mark.parametrize("digit", [1, 4, 9])
def test_the_flip_flips(digit):
    image = drawn(digit)
    flip = smallest_flip(read, image)
    assert flip is not None
    changed = np.clip(image + flip.change, 0, 1)
    shares = read(changed[None])[0]
    assert shares.argmax() == flip.digit != digit
    assert shares[flip.digit] == pytest.approx(flip.probability, abs=1e-4)
    assert flip.ink == pytest.approx(np.abs(changed - image).sum() / image.sum(), rel=1e-3)
    assert (flip.change >= 0).all() if flip.added else (flip.change <= 0).all()


def test_an_answer_that_never_changes_has_no_flip():
    certain = np.eye(10, dtype=np.float32)[5]
    assert smallest_flip(lambda images: np.tile(certain, (len(images), 1)), drawn(2)) is None
