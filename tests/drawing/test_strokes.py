"""From what the browser sends to strokes, and from strokes to a picture."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks._digits import DIGITS
from mnist_core import read_drawing
from mnist_core.drawing.preprocessing import Preprocessing, prepare
from mnist_core.drawing.strokes import (
    MAX_POINTS,
    MAX_STROKES,
    PAPER,
    PAPER_COLOUR,
    SCALE,
    SIDE,
    THICKEST_PEN,
    THINNEST_PEN,
    Stroke,
    as_canvas,
    picture,
    read_strokes,
    smooth,
)
from tests.support.strokes import strokes


def path(*commands, width=20 * SCALE, **more):
    """A path as the canvas reports it, in its pixels."""
    return {"type": "Path", "path": list(commands), "strokeWidth": width, **more}


def canvas(*objects):
    return {"version": "7.4.0", "background": "#ffffff", "objects": list(objects)}


def test_what_the_canvas_reports_becomes_strokes():
    line = path(
        ["M", 159.96, 320],
        ["Q", 160, 320, 240, 240],
        ["Q", 320, 160, 400, 80],
        ["L", 480, 0],
        stroke="#111111",
    )
    rubber = path(["M", 0, 640], ["L", 0, 640], width=40 * SCALE, stroke=PAPER_COLOUR)
    pen, eraser = read_strokes(json.loads(json.dumps(canvas(line, rubber))))
    points = [(159.96 / 640 * 280, 140), (70, 140), (140, 70), (210, 0)]
    assert np.allclose(pen.points, points, atol=0.01) and (pen.width, pen.erase) == (20, False)
    assert np.allclose(eraser.points, [(0, 280)] * 2) and (eraser.width, eraser.erase) == (40, True)


def test_strokes_survive_the_way_through_the_canvas():
    points = tuple((round(x, 2), round(y, 2)) for x, y in strokes(3)[0].points)
    drawing = (Stroke(points, 17.3), Stroke(((1.5, 2.51), (1.5, 2.51)), 8.0, erase=True))
    assert read_strokes(json.loads(json.dumps(as_canvas(drawing)))) == drawing
    dot = as_canvas((Stroke(((7.0, 14.0),)),))  # a canvas draws no path of a single command
    assert read_strokes(dot)[0].points == ((7.0, 14.0), (7.0, 14.0))


@pytest.mark.parametrize(
    "sent",
    [
        None,
        7,
        "strokes",
        [],
        {"objects": None},
        {"objects": {"path": []}},
        canvas(None, 3, "x", []),
        canvas({"strokeWidth": 20}),
        canvas({"type": "Rect", "path": [["M", 1, 2]], "strokeWidth": 20}),
        canvas(path()),
        canvas(path(["M"], ["M", 1], "ML", None, ["M", None, 1], ["C", 1, 2, 3, 4, 5, 6], ["z"])),
        canvas({**path(), "path": "M 0 0 L 9 9"}),
        canvas(path(["M", 1, 2], width="wide")),
        canvas(path(["M", 1, 2], width=math.nan)),
        canvas(path(["M", math.inf, 2])),
    ],
)
def test_what_is_no_stroke_is_left_out(sent):
    assert read_strokes(sent) == ()


def test_there_is_an_end_to_what_a_browser_may_send():
    line = path(*[["L", -1e9, 1e9]] * 1000, width=1e9)
    found = read_strokes(canvas(*[line] * 1000))
    assert len(found) <= MAX_STROKES
    assert sum(len(stroke.points) for stroke in found) <= MAX_POINTS
    assert found[0].width == THICKEST_PEN and found[0].points[0] == (-SIDE, 2 * SIDE)
    assert read_strokes(canvas(path(["M", 1, 2], width=0)))[0].width == THINNEST_PEN
    assert picture(found).shape == (SIDE, SIDE)


@pytest.mark.parametrize("wild", [10**400, -(10**400), float("inf"), float("nan"), "1", None])
def test_wild_numbers_are_left_out(wild):
    assert read_strokes(canvas(path(["M", 1, 2], width=wild))) == ()
    sent = canvas(path(["M", wild, 2], ["L", 3, 4]))
    assert len(read_strokes(sent)[0].points) == 1


def test_the_picture_is_ink_on_paper():
    assert (picture(()) == PAPER).all()
    dot = picture((Stroke(((140.0, 140.0),), 20.0),)) < 128
    assert dot.sum() == pytest.approx(math.pi * 10**2, rel=0.05)
    line = picture((Stroke(((40.0, 140.0), (240.0, 140.0)), 20.0),)) < 128
    assert line.sum() == pytest.approx(200 * 20 + math.pi * 10**2, rel=0.03)


def test_the_rubber_takes_away_what_came_before_it_only():
    drawn = Stroke(((40.0, 140.0), (240.0, 140.0)))
    rubbed = Stroke(((20.0, 140.0), (260.0, 140.0)), 40.0, erase=True)
    assert (picture((drawn, rubbed)) == PAPER).all()
    assert (picture((rubbed, drawn)) < 128).any()


def test_curves_go_through_the_middles():
    path = smooth(((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (20.0, 10.0)))
    assert path[0] == (0.0, 0.0) and path[-1] == (20.0, 10.0)
    assert (10.0, 5.0) in path
    assert smooth(((1.0, 2.0), (3.0, 4.0))) == [(1.0, 2.0), (3.0, 4.0)]


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("width", [8, 20, 32])
def test_drawn_digits_are_read_at_every_width(digit, width):
    assert read_drawing(picture(strokes(digit, width=width))).digit == digit


@pytest.mark.parametrize("digit", DIGITS)
def test_drawn_digits_are_read_anywhere_and_at_any_size(digit):
    generator = np.random.default_rng(digit)
    for _ in range(6):
        size = generator.uniform(70, 250)
        left, top = generator.uniform(5, 275 - size, 2)
        drawing = picture(strokes(digit, size=size, left=left, top=top, width=0.08 * size + 3))
        assert read_drawing(drawing).digit == digit, (size, left, top)
        assert read_drawing(255 - drawing).digit == digit, (size, left, top)


@pytest.mark.parametrize("digit", DIGITS)
def test_shifting_by_whole_pixels_changes_nothing(digit):
    drawing = picture(strokes(digit, size=120))
    plain = prepare(drawing).image28
    for shift in np.random.default_rng(digit).integers(-25, 90, (6, 2)):
        moved = prepare(np.roll(drawing, shift, (0, 1))).image28
        assert np.abs(plain - moved).max() < 1e-5


def test_without_cropping_the_place_does_matter():
    switches = Preprocessing(crop=False, centre=False)
    here = prepare(picture(strokes(7, size=100)), switches).image28
    there = prepare(picture(strokes(7, size=100, left=150)), switches).image28
    assert np.abs(here - there).max() > 0.5


def test_commands_that_are_none_use_up_the_budget_of_points():
    junk = path(*[["C", 1, 2]] * (MAX_POINTS - 1))
    line = path(["M", 0, 0], ["L", 64, 64])
    assert [stroke.points for stroke in read_strokes(canvas(junk, line))] == [((0, 0),)]
    assert read_strokes(canvas(path(*[["M", 1, 2]] * MAX_POINTS, width="wide"), line))
