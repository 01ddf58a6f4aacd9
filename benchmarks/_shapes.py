"""Things that are clearly no digit, drawn by a hand that no training image was made with.

Each is a function of a random generator that gives strokes in a unit square. They share neither
points nor code with `mnist_core.drawing.stroke_templates`, which has not all of their kinds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.strokes import Stroke, picture

Points = npt.NDArray[np.float64]
Random = np.random.Generator
Shape = Callable[[Random], list[Points]]
WIDTHS = (8, 14, 20, 28)
STEP = 0.03


def straight(points: Points) -> Points:
    """Points along the straight lines between `points`: a pen's path is as dense as that."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, length[-1], max(2, round(length[-1] / STEP)))
    return np.stack([np.interp(at, length, points[:, axis]) for axis in (0, 1)], 1)


def _path(*points: tuple[float, float]) -> Points:
    return straight(np.array(points))


def _arc(
    x: float, y: float, rx: float, ry: float, start: float, stop: float, n: int = 24
) -> Points:
    angles = np.radians(np.linspace(start, stop, n))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], 1)


def _regular(corners: int) -> Shape:
    def make(random: Random) -> list[Points]:
        angles = -np.pi / 2 + np.arange(corners + 1) * 2 * np.pi / corners
        if corners == 4:
            angles = angles + np.pi / 4
        return [straight(0.5 + 0.45 * np.stack([np.cos(angles), np.sin(angles)], 1))]

    return make


def house(random: Random) -> list[Points]:
    """Walls and a roof that juts out."""
    wall = random.uniform(0.4, 0.55)
    return [
        _path((0.15, wall), (0.15, 0.95), (0.85, 0.95), (0.85, wall)),
        _path((0.02, wall + 0.04), (0.5, 0.05), (0.98, wall + 0.04)),
    ]


def heart(random: Random) -> list[Points]:
    """x = 16 sin³ t, y = 13 cos t − 5 cos 2t − 2 cos 3t − cos 4t."""
    t = np.linspace(0, 2 * np.pi, 60)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([16 * np.sin(t) ** 3, -y], 1) / 34 + 0.5]


def smiley(random: Random) -> list[Points]:
    """A round face with eyes and a mouth."""
    eyes = [_arc(x, 0.36, 0.02, 0.03, 0, 360, 6) for x in (0.34, 0.66)]
    return [_arc(0.5, 0.5, 0.46, 0.46, -80, 290, 50), *eyes, _arc(0.5, 0.55, 0.24, 0.2, 20, 160)]


def hash_sign(random: Random) -> list[Points]:
    """Two lines across two."""
    lean = random.uniform(0, 0.12)
    upright = [_path((x + lean, 0.05), (x - lean, 0.95)) for x in (0.34, 0.68)]
    return upright + [_path((0.05, y), (0.95, y)) for y in (0.36, 0.66)]


def plus(random: Random) -> list[Points]:
    """A plus sign."""
    return [_path((0.5, 0.08), (0.5, 0.92)), _path((0.08, 0.5), (0.92, 0.5))]


def question_mark(random: Random) -> list[Points]:
    """A bow, a stem and a dot."""
    bow = _arc(0.5, 0.27, 0.25, 0.24, 190, 400)
    return [
        np.concatenate([bow, _path((0.52, 0.55), (0.5, 0.72))]),
        _path((0.5, 0.93), (0.5, 0.95)),
    ]


def spiral(random: Random) -> list[Points]:
    """Two to three and a half turns."""
    t = np.linspace(0, random.uniform(2, 3.5) * 2 * np.pi, 90)
    radius = 0.05 + 0.4 * t / t[-1]
    return [np.stack([0.5 + radius * np.cos(t), 0.5 + radius * np.sin(t)], 1)]


def arrow(random: Random) -> list[Points]:
    """A shaft with a head."""
    return [_path((0.05, 0.55), (0.95, 0.45)), _path((0.7, 0.25), (0.95, 0.45), (0.74, 0.7))]


def fish(random: Random) -> list[Points]:
    """Two bows that cross, and an eye."""
    t = np.linspace(-0.35, 1.35, 40)
    x = 0.9 - 0.75 * t / 1.35
    y = 0.25 * np.sin(np.pi * np.clip(t, -0.3, 1.4))
    return [np.stack([x, 0.5 + y], 1), np.stack([x, 0.5 - y], 1), _path((0.75, 0.45), (0.76, 0.45))]


def umbrella(random: Random) -> list[Points]:
    """A dome with a stick that bends at its end."""
    dome = np.concatenate([_arc(0.5, 0.5, 0.45, 0.42, 180, 360), _path((0.05, 0.5))])
    return [
        dome,
        np.concatenate([_path((0.5, 0.5), (0.5, 0.85)), _arc(0.4, 0.85, 0.1, 0.1, 0, 170)]),
    ]


def note(random: Random) -> list[Points]:
    """Two quavers joined by a beam."""
    heads = [_arc(x, 0.85, 0.1, 0.07, 0, 360) for x in (0.2, 0.75)]
    return [*heads, _path((0.3, 0.85), (0.3, 0.15), (0.85, 0.08), (0.85, 0.85))]


def envelope(random: Random) -> list[Points]:
    """A rectangle with a flap."""
    frame = _path((0.05, 0.25), (0.95, 0.25), (0.95, 0.8), (0.05, 0.8), (0.05, 0.25))
    return [frame, _path((0.05, 0.25), (0.5, 0.58), (0.95, 0.25))]


def bicycle(random: Random) -> list[Points]:
    """Two wheels and a frame."""
    wheels = [_arc(x, 0.68, 0.2, 0.2, 0, 360) for x in (0.22, 0.78)]
    return [
        *wheels,
        _path((0.22, 0.68), (0.4, 0.4), (0.7, 0.4), (0.78, 0.68), (0.52, 0.68), (0.4, 0.4)),
    ]


SHAPES: dict[str, Shape] = {
    "house": house,
    "heart": heart,
    "square": _regular(4),
    "triangle": _regular(3),
    "smiley": smiley,
    "hash": hash_sign,
    "plus": plus,
    "question mark": question_mark,
    "spiral": spiral,
    "arrow": arrow,
    "fish": fish,
    "umbrella": umbrella,
    "note": note,
    "envelope": envelope,
    "bicycle": bicycle,
}


def drawn_shapes(each: int, seed: int = 0) -> dict[str, list[npt.NDArray[np.uint8]]]:
    """`each` drawings of every shape, uint8 [280, 280], at random sizes, places and widths."""
    random = np.random.default_rng(seed)
    return {
        name: [picture(_strokes(make(random), random)) for _ in range(each)]
        for name, make in SHAPES.items()
    }


def _strokes(shape: list[Points], random: Random) -> tuple[Stroke, ...]:
    size = random.uniform(90, 210)
    place = random.uniform(20, 250 - size, 2) if size < 230 else np.full(2, 20.0)
    angle, width = np.radians(random.uniform(-12, 12)), float(random.choice(WIDTHS))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.array([random.uniform(0.8, 1), random.uniform(0.8, 1)])
    strokes = []
    for points in shape:
        shaken = points + np.cumsum(random.normal(0, 0.003, points.shape), 0)
        moved = ((shaken - 0.5) * stretch @ turn.T + 0.5) * size + place
        strokes.append(Stroke(tuple((float(x), float(y)) for x, y in moved), width))
    return tuple(strokes)
