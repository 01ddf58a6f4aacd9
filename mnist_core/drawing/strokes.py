"""A drawing as its strokes, and the picture that they make.

Strokes come from the browser as plain JSON: `{"width": 20, "erase": false, "points": [[x, y],
…]}`, x to the right and y downward from 0 to 280. Points may lie outside the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIDE = 280
THINNEST_PEN, THICKEST_PEN = 8, 40
INK, PAPER = 17, 255
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

    def as_json(self) -> dict[str, Any]:
        """The inverse of `read_strokes`, for one stroke."""
        points = [list(point) for point in self.points]
        return {"width": self.width, "erase": self.erase, "points": points}


def read_strokes(data: Any) -> tuple[Stroke, ...]:
    """The strokes in what a browser sent; what is no stroke is left out."""
    strokes: list[Stroke] = []
    left = MAX_POINTS
    for item in data if isinstance(data, list) else []:
        if len(strokes) == MAX_STROKES or not isinstance(item, dict):
            continue
        points = item.get("points")
        points = [_point(p) for p in points[:left]] if isinstance(points, list) else []
        found = tuple(point for point in points if point is not None)
        width = item.get("width")
        if not found or not _sensible(width):
            continue
        left -= len(found)
        width = min(max(float(width), THINNEST_PEN), THICKEST_PEN)
        strokes.append(Stroke(found, width, item.get("erase") is True))
    return tuple(strokes)


def _point(value: Any) -> Point | None:
    """A point no further from the paper than it is wide; None when it is none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(_sensible(v) for v in value):
        return None
    x, y = (min(max(float(v), -SIDE), 2.0 * SIDE) for v in value)
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
    """The pen's path: curves through the middles between the points, as canvas.js draws it."""
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
