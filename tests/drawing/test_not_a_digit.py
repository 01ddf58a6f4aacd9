"""What is no digit is called so, and digits are not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._digits import DIGITS
from benchmarks._scribbles import no_digits
from benchmarks._shapes import drawn_shapes
from mnist_core import read_drawing
from mnist_core.data import mnist
from mnist_core.drawing.not_a_digit import DOUBTFUL, doubt
from mnist_core.drawing.preprocessing import prepare
from mnist_core.drawing.strokes import Stroke, picture
from tests.support.strokes import strokes


def doubted(pictures):
    return doubt(np.stack([prepare(one).image28 for one in pictures])) > DOUBTFUL


def test_most_things_that_are_no_digit_are_doubted():
    shares = {name: doubted(pictures).mean() for name, pictures in drawn_shapes(5).items()}
    assert np.mean(list(shares.values())) >= 0.8, shares
    for name in ("house", "heart", "square", "triangle", "smiley", "hash", "plus", "spiral"):
        assert shares[name] >= 0.8, shares


def test_letters_dots_and_two_digits_at_once_are_doubted():
    least = {"dots": 0.9, "two digits": 0.8, "letters": 0.7, "zigzags": 0.9, "scribbles": 0.4}
    for kind, pictures in no_digits(20, seed=1).items():
        assert doubted(pictures).mean() >= least.get(kind, 0), kind


def test_digits_are_not_doubted():
    data = mnist.load()
    assert (doubt(mnist.ink(data.x_test[:1000])) > DOUBTFUL).mean() < 0.01
    assert not doubted([picture(strokes(digit)) for digit in DIGITS]).any()


@pytest.mark.parametrize("width", [8, 20, 40])
def test_a_dot_is_no_digit(width):
    for points in (((140.0, 140.0),), ((60.0, 70.0), (61.0, 71.0))):
        assert not read_drawing(picture((Stroke(points, width),))).looks_like_digit


def test_a_reading_says_whether_it_looks_like_a_digit():
    assert not read_drawing(np.full((280, 280), 255, np.uint8)).looks_like_digit
    reading = read_drawing(picture(strokes(3)))
    assert reading.looks_like_digit and reading.digit == 3 and reading.doubt < 0.5
