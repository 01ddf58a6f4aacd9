"""Every kind of picture that people upload: screenshots, lines, boxes, grids, torn strokes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks._photo_kinds import KINDS, Page, coarse_tile
from benchmarks.photos import Writing, mnist_hand, pen_hand
from mnist_core.data import mnist
from mnist_core.drawing import stroke_templates as templates
from mnist_core.drawing.photo import find_in_picture
from mnist_core.drawing.reader import readings
from mnist_core.drawing.segment import find_groups

PICTURES = 4
# Not all digits that touch can be told apart, and among sixty one may be misread:
# benchmarks/README.md says how many. These can.
SEEDS = {"touching": 3, "sixty digits": 2}


def legible(hand):
    """A hand of whose digits each is read right alone: what is tested is the finding."""
    writing = Writing(hand)

    def write(label, size, random):
        while True:
            digit = writing(label, size, random)
            if writing.is_legible():
                return digit

    return write


mnist_digits = legible(mnist_hand)
pen_strokes = legible(pen_hand(list(templates.all_digits())))


def colours(pixels):
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def read_text(pixels):
    found = find_in_picture(colours(pixels))
    read = readings([digit.steps for digit in found.digits])
    texts = [str(one.digit) if one.looks_like_digit else "?" for one in read]
    return "/".join("".join(texts[place] for place in line) for line in found.lines)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_read_in_every_kind_of_picture(kind):
    random = np.random.default_rng([SEEDS.get(kind, 1), list(KINDS).index(kind)])
    cases = [KINDS[kind](mnist_digits, random) for _ in range(PICTURES)]
    assert [read_text(case.picture) for case in cases] == [case.text for case in cases]


@pytest.mark.parametrize("hand", [mnist_digits, pen_strokes], ids=["MNIST", "pen"])
@pytest.mark.parametrize("text", ["1234", "42", "314159"])
def test_a_number_cut_out_along_its_ink_is_read_whole(text, hand):
    page = Page(1400, 240)
    page.write(text, hand, np.random.default_rng(3), 40, 60, 80)
    ink = np.asarray(page.ink) > 100
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cropped = page.picture()[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert read_text(cropped) == text


@pytest.mark.parametrize(("left", "found"), [(30, [30, 100]), (0, [100])])
def test_a_thin_bar_over_the_whole_height_is_an_edge_only_at_the_side(left, found):
    """A "1" in a number cut out along its ink; at the side it is the end of the paper."""
    picture = Image.new("1", (300, 240))
    pen = ImageDraw.Draw(picture)
    pen.line([(100, 8), (280, 8), (180, 239)], fill=1, width=16, joint="curve")
    pen.rectangle((left, 0, left + 14, 239), fill=1)
    for mask, upright in ((np.asarray(picture), True), (np.asarray(picture).T, False)):
        groups, _ = find_groups(mask, even=False)
        places = [group.box.left if upright else group.box.top for group in groups]
        assert sorted(places) == found


@pytest.mark.parametrize("distance", [12, 25, 45])
@pytest.mark.parametrize("width", [2, 4, 7])
def test_a_line_under_a_number_is_no_digit(width, distance):
    page = Page(640, 320)
    random = np.random.default_rng(7)
    left, _, right, bottom = page.write("427", mnist_digits, random, 120, 110)
    y = bottom + distance
    page.line([(left - 15, y - 3), (right + 15, y + 3)], width)
    assert read_text(page.picture()) == "427"


def test_coarse_pixels_shown_large_draw_no_lines():
    random = np.random.default_rng(7)
    cases = [coarse_tile(mnist_digits, random) for _ in range(16)]
    assert [read_text(case.picture) for case in cases] == [case.text for case in cases]


@pytest.mark.parametrize("index", [19, 26, 60, 67, 82])
def test_test_images_as_they_are_end_in_no_error(index):
    data = mnist.load()
    assert read_text(data.x_test[index]) == str(data.y_test[index])


@pytest.mark.parametrize("side", [28, 280])
@pytest.mark.parametrize("white", [True, False])
def test_test_images_are_read_at_every_size_and_in_both_polarities(side, white):
    data = mnist.load()
    right = 0
    for image, label in zip(data.x_test[200:220], data.y_test[200:220], strict=True):
        large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.asarray(large)
        right += read_text(pixels if white else 255 - pixels) == str(label)
    assert right >= 19


def test_dots_close_together_are_no_endless_puzzle():
    page = np.full((300, 300), 255, np.uint8)
    for row in range(9):
        for column in range(9):
            page[30 + 26 * row : 50 + 26 * row, 30 + 26 * column : 50 + 26 * column] = 0
    assert len(find_in_picture(colours(page)).digits) <= 81


def test_more_digits_than_are_read_are_counted():
    page = np.full((1000, 1300), 255, np.uint8)
    for row in range(12):
        for column in range(12):
            left = 30 + 100 * column + 7 * row % 40
            page[30 + 80 * row : 80 + 80 * row, left : left + 10] = 0
    found = find_in_picture(colours(page))
    assert len(found.digits) == 100 and found.left_out == 44


@pytest.mark.parametrize("shape", [(8, 8), (8, 300), (300, 8), (1000, 1000)])
def test_noise_of_any_shape_is_no_accident(shape):
    random = np.random.default_rng(2)
    for pixels in (
        random.integers(0, 256, (*shape, 3), np.uint8),
        np.where(random.random((*shape, 1)) < 0.1, np.uint8(0), np.uint8(255)).repeat(3, 2),
    ):
        assert len(find_in_picture(pixels).digits) <= 100
