"""Nine small pictures, one a chapter, for the lesson's contents. They load nothing heavy."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable

import numpy as np

from mnist_core.experiment.activations import ACTIVATIONS
from mnist_core.figures.architecture import AMBER, BLUE, GREY, ORANGE
from mnist_core.lesson.numpy_net import descend, line_surface

WIDTH, HEIGHT = 110.0, 64.0


def card_picture(chapter: int) -> str:
    """An <img> for `st.html`, in colours that suit a light and a dark page."""
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        f'width="{WIDTH:g}" height="{HEIGHT:g}" fill="none" stroke-linecap="round">'
        f"{_PICTURES[chapter]()}</svg>"
    )
    source = base64.b64encode(drawing.encode()).decode()
    return f'<img class="card-picture" alt="" src="data:image/svg+xml;base64,{source}">'


def _line(points: Iterable[tuple[float, float]], colour: str, width: float = 3) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{path}" stroke="{colour}" stroke-width="{width:g}"/>'


def _dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}"/>'


def _square(x: float, y: float, side: float, colour: str, opacity: float = 1) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" rx="1.5" '
        f'fill="{colour}" fill-opacity="{opacity:g}"/>'
    )


def _column(x: float, count: int) -> list[tuple[float, float]]:
    return [(x, HEIGHT / 2 + (place - (count - 1) / 2) * 17) for place in range(count)]


def _neuron() -> str:
    inputs, body = _column(14, 3), (64.0, HEIGHT / 2)
    lines = [_line([point, body], colour, width) for point, colour, width in
             zip(inputs, (BLUE, ORANGE, BLUE), (5, 2.5, 1.5), strict=True)]  # fmt: skip
    dots = [_dot(*point, 5, GREY) for point in inputs]
    return "".join([*lines, _line([body, (104, body[1])], BLUE, 4), *dots, _dot(*body, 14, ORANGE)])


def _activations() -> str:
    z = np.linspace(-4, 4, 60)
    parts = []
    for name, colour in (("sigmoid", ORANGE), ("relu", BLUE)):
        y = ACTIVATIONS[name].value(z)
        y = y / y.max()
        parts.append(_line(zip(8 + 94 * (z + 4) / 8, 54 - 44 * y, strict=True), colour, 3.5))
    return _line([(8, 54), (102, 54)], GREY, 1) + "".join(parts)


def _layers() -> str:
    columns = [_column(14, 3), _column(55, 4), _column(96, 2)]
    lines = [
        _line([start, end], GREY, 1)
        for left, right in itertools.pairwise(columns)
        for start in left
        for end in right
    ]
    shades = (GREY, BLUE, ORANGE)
    dots = [_dot(*p, 6, c) for column, c in zip(columns, shades, strict=True) for p in column]
    return "".join(lines + dots)


def _start() -> str:
    x = np.linspace(-3, 3, 60)
    parts = []
    for place, (spread, colour) in enumerate(((1.0, BLUE), (0.5, BLUE), (0.12, ORANGE))):
        y = np.exp(-0.5 * (x / spread) ** 2)
        base = 20 + 19 * place
        parts.append(_line(zip(8 + 94 * (x + 3) / 6, base - 16 * y, strict=True), colour, 2.5))
    return "".join(parts)


def _forward() -> str:
    grid = [
        _square(4 + 11 * column, 10 + 11 * row, 10, GREY, 0.25 + 0.75 * ((row + column) % 3 == 1))
        for row in range(4)
        for column in range(4)
    ]
    arrow = _line([(54, 32), (68, 32)], GREY, 3) + _line([(63, 27), (69, 32), (63, 37)], GREY, 3)
    bars = [
        _line([(78, 14 + 12 * place), (78 + long, 14 + 12 * place)], colour, 7)
        for place, (long, colour) in enumerate(((6, GREY), (26, BLUE), (3, GREY), (9, GREY)))
    ]
    return "".join([*grid, arrow, *bars])


def _backward() -> str:
    left, right = _column(16, 2), _column(94, 2)
    lines = [_line([start, end], GREY, 1.5) for start in left for end in right]
    arrow = _line([(90, 56), (26, 56)], ORANGE, 4) + _line(
        [(35, 49), (25, 56), (35, 62)], ORANGE, 4
    )
    dots = [_dot(*point, 7, BLUE) for point in (*left, *right)]
    return "".join([*lines, *dots, arrow])


def _descent() -> str:
    rings = [
        f'<ellipse cx="66" cy="36" rx="{10 * ring}" ry="{4.6 * ring}" stroke="{GREY}" '
        f'stroke-width="1.3" transform="rotate(32 66 36)"/>'
        for ring in range(1, 5)
    ]
    path = descend(line_surface(), (-1.0, 2.0), 0.3, 12, len(line_surface().x))
    scaled = [(66 + 24 * (p - 1.1), 36 - 12 * (q + 0.5)) for p, q in path]
    return "".join(
        [*rings, _line(scaled, ORANGE, 2.5), *(_dot(x, y, 2.6, ORANGE) for x, y in scaled)]
    )


def _convolution() -> str:
    cells = [
        _square(4 + 9.4 * column, 4 + 9.4 * row, 8.6, GREY, 0.3)
        for row in range(6)
        for column in range(6)
    ]
    kernel = [
        _square(22.8 + 9.4 * column, 13.4 + 9.4 * row, 8.6, AMBER)
        for row in range(3)
        for column in range(3)
    ]
    result = [
        _square(
            70 + 9.4 * column, 13.4 + 9.4 * row, 8.6, BLUE, 1 if (row, column) == (1, 2) else 0.35
        )
        for row in range(4)
        for column in range(4)
    ]
    return "".join([*cells, *kernel, *result])


def _fitting() -> str:
    x = np.linspace(0, 1, 50)
    training, validation = 8 + 46 * (1 - np.exp(-4 * x)), 12 + 34 * (1 - np.exp(-9 * x)) - 20 * x**2
    parts = [
        _line(zip(8 + 94 * x, y, strict=True), colour, 3.5)
        for y, colour in ((training, BLUE), (validation, ORANGE))
    ]
    return _line([(8, 58), (102, 58)], GREY, 1) + "".join(parts)


_PICTURES: dict[int, Callable[[], str]] = {
    1: _neuron,
    2: _activations,
    3: _layers,
    4: _start,
    5: _forward,
    6: _backward,
    7: _descent,
    8: _convolution,
    9: _fitting,
}
