"""Strokes of a drawing: from and to the drawable canvas's JSON, and the picture that they make.

The canvas (streamlit-drawable-canvas, which draws with Fabric.js) has CANVAS_SIDE pixels a side,
whatever its size on the screen. Here a drawing has SIDE units: x to the right and y downward,
points may lie outside the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIDE = 280
# Twice as many pixels as the paper has on most screens: sharp on fine ones, smooth on others.
CANVAS_SIDE = 640
SCALE = CANVAS_SIDE / SIDE
THINNEST_PEN, THICKEST_PEN = 8, 40
INK, PAPER = 17, 255
INK_COLOUR, PAPER_COLOUR = "#111111", "#ffffff"
# Strokes are drawn this much larger and averaged: smooth edges, as in the browser.
ZOOM = 3
# Straight pieces that stand for the curve between the middles of two lines.
PIECES = 3
# More than any digit needs; what comes beyond is left out.
MAX_STROKES, MAX_POINTS = 500, 20_000

Point = tuple[float, float]


FAR = 1e300


@dataclass(frozen=True)
class Stroke:
    """One line of the pen, or of the eraser; the points in the order they were drawn."""

    points: tuple[Point, ...]
    width: float = 20.0
    erase: bool = False


def read_strokes(canvas: Any) -> tuple[Stroke, ...]:
    """The strokes in the canvas's JSON (`json_data`); what is no stroke is left out.

    A path of the canvas's pencil runs from its first point by quadratic curves, whose control
    points are where the pen was and which end midway between these, to its last point. What is
    drawn in the paper's colour erases.
    """
    objects = canvas.get("objects") if isinstance(canvas, dict) else None
    strokes: list[Stroke] = []
    left = MAX_POINTS
    for item in objects[:MAX_STROKES] if isinstance(objects, list) else []:
        if not isinstance(item, dict) or item.get("type") != "Path":
            continue
        path, width = item.get("path"), item.get("strokeWidth")
        if not isinstance(path, list) or not _sensible(width):
            continue
        commands = path[:left]
        left -= len(commands)
        points = tuple(point for one in commands if (point := _point(one)) is not None)
        if not points:
            continue
        width = round(min(max(width / SCALE, THINNEST_PEN), THICKEST_PEN), 2)
        strokes.append(Stroke(points, width, item.get("stroke") == PAPER_COLOUR))
    return tuple(strokes)


def as_canvas(strokes: tuple[Stroke, ...]) -> dict[str, Any]:
    """The inverse of `read_strokes`, for the canvas's `initial_drawing`."""
    return {"objects": [_path(stroke) for stroke in strokes]}


def _path(stroke: Stroke) -> dict[str, Any]:
    xy = np.array(stroke.points, np.float64)
    xy = np.round(SCALE * (xy if len(xy) > 1 else np.repeat(xy, 2, axis=0)), 2)
    middles = np.round((xy[1:-1] + xy[2:]) / 2, 2)
    curves = np.concatenate([xy[1:-1], middles], axis=1).tolist()
    return {
        "type": "Path",
        "path": [["M", *xy[0].tolist()], *(["Q", *one] for one in curves), ["L", *xy[-1].tolist()]],
        "stroke": PAPER_COLOUR if stroke.erase else INK_COLOUR,
        "strokeWidth": round(SCALE * stroke.width, 2),
        "strokeLineCap": "round",
        "strokeLineJoin": "round",
        "fill": None,
    }


def _point(command: Any) -> Point | None:
    """The pen's position, no further from the paper than it is wide; None for other commands."""
    if not isinstance(command, list) or len(command) < 3 or command[0] not in ("M", "Q", "L"):
        return None
    if not all(_sensible(value) for value in command[1:3]):
        return None
    # Rounded, so that a stroke that has been to the canvas and back is the same one.
    x, y = (round(min(max(value / SCALE, -SIDE), 2.0 * SIDE), 2) for value in command[1:3])
    return x, y


def _sensible(value: Any) -> TypeGuard[float]:
    """A number, neither infinite nor NaN nor so large that it does not fit a float."""
    return isinstance(value, int | float) and -FAR < value < FAR


def picture(strokes: tuple[Stroke, ...]) -> npt.NDArray[np.uint8]:
    """The drawing as the page shows it: dark ink on white paper, uint8 [280, 280]."""
    canvas = Image.new("L", (ZOOM * SIDE, ZOOM * SIDE), PAPER)
    pen = ImageDraw.Draw(canvas)
    for stroke in strokes:
        shade = PAPER if stroke.erase else INK
        path = [(ZOOM * x, ZOOM * y) for x, y in smooth(stroke.points)]
        radius = ZOOM * stroke.width / 2
        pen.line(path, fill=shade, width=round(ZOOM * stroke.width))
        for x, y in path:  # round ends and bends
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=shade)
    return np.asarray(canvas.reduce(ZOOM))


def smooth(points: tuple[Point, ...]) -> list[Point]:
    """The pen's path: curves through the middles between the points, as the canvas draws it."""
    if len(points) < 3:
        return list(points)
    xy = np.array(points)
    middles = (xy[1:-2] + xy[2:-1]) / 2
    starts = np.concatenate([xy[:1], middles])
    ends = np.concatenate([middles, (xy[-2:-1] + xy[-1:]) / 2])
    share = np.arange(1, PIECES + 1)[None, :, None] / PIECES
    bends = xy[1:-1, None]
    curve = (1 - share) ** 2 * starts[:, None] + 2 * share * (1 - share) * bends
    curve = (curve + share**2 * ends[:, None]).reshape(-1, 2)
    return [points[0], *map(tuple, curve.tolist()), points[-1]]
