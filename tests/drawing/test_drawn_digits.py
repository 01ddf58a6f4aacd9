"""Several digits on one drawing are read in order; a digit of several strokes stays one."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core import read_digits
from mnist_core.drawing.drawn_digits import find_drawn
from mnist_core.drawing.preprocessing import Preprocessing
from mnist_core.drawing.stroke_templates import parse
from mnist_core.drawing.strokes import Stroke, picture
from tests.support.strokes import strokes


def number(text, size=110.0, width=12.0):
    step = 250 / len(text)
    size = min(size, step * 1.25)
    drawn = [
        stroke
        for place, digit in enumerate(text)
        for stroke in strokes(int(digit), size=size, left=5 + step * place, top=80, width=width)
    ]
    return picture(tuple(drawn))


def template(text):
    return picture(
        tuple(
            Stroke(tuple((60 + 150 * x, 60 + 150 * y) for x, y in points.tolist()), 14)
            for points in parse(text)
        )
    )


@pytest.mark.parametrize("text", ["42", "10", "11", "57", "314", "2026"])
def test_a_number_is_read_in_order(text):
    found = read_digits(number(text))
    assert "".join(str(reading.digit) for reading in found) == text
    assert all(reading.looks_like_digit for reading in found)
    lefts = [reading.box.left for reading in found]
    assert lefts == sorted(lefts) and all(reading.box.bottom <= 280 for reading in found)


@pytest.mark.parametrize("digit", range(10))
def test_a_single_digit_is_one(digit):
    found = read_digits(picture(strokes(digit)))
    assert [reading.digit for reading in found] == [digit]


@pytest.mark.parametrize(
    ("digit", "text"),
    [
        (5, "21 14 44 66 67 49 18 | 40 91"),  # its flag stands apart
        (4, "20 26 26 86 | 60 69"),  # open
        (0, "50 31 24 27 49 69 77 84 71 50 | 37 63"),  # slashed
        (1, "23 50 50 59 | 29 89"),
    ],
)
def test_strokes_that_stand_apart_stay_one_digit(digit, text):
    assert [reading.digit for reading in read_digits(template(text))] == [digit]


def test_blank_paper_holds_no_digit_and_steps_that_are_off_stay_off():
    assert read_digits(np.full((280, 280), 255, np.uint8)) == []
    (found,) = find_drawn(picture(strokes(3)), Preprocessing(scale=False))
    assert max(found.steps.scaled.shape) != 20


@pytest.mark.parametrize("points", [((20, 230), (260, 231)), ((20, 230), (260, 150))])
def test_a_long_stroke_stays_whole_and_is_no_digit(points):
    (found,) = read_digits(picture((Stroke(points, 20),)))
    assert points[0][1] - points[1][1] > 50 or not found.looks_like_digit
