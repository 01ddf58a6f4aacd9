"""Training images from pen strokes: randomly changed, drawn, and prepared as a drawing is.

Strokes are lists of float64 [n, 2] points (x, y) in a unit square, y downward: templates, or the
pen's own path from a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnist_core.data import mnist
from mnist_core.drawing import stroke_templates as templates
from mnist_core.drawing.preprocessing import prepare

Points = npt.NDArray[np.float64]
Strokes = list[Points]
Images = npt.NDArray[np.uint8]

# Longer side of the paper in pixels, and how wide the pen is as a share of the digit's size:
# from a fine pen on large paper to the thickest one in a corner.
PAPER = 140
THINNEST, THICKEST = 0.03, 0.25
ZOOM = 2


@dataclass(frozen=True)
class Changes:
    """Bounds on random changes of strokes; lengths are shares of the digit's size.

    `point`: standard deviation of each point's place, `stroke`: of a whole stroke's; `ends`: by
    how much of its length a stroke ends early or late at most; `bend`: of a smooth warp;
    `rotate` and `shear` in degrees and `aspect` (a factor's logarithm) at most.
    """

    point: float = 0.0
    stroke: float = 0.0
    ends: float = 0.0
    bend: float = 0.0
    rotate: float = 0.0
    shear: float = 0.0
    aspect: float = 0.0


# A person's own digits are changed less than templates, which all are to stand for many people.
OF_PEN = Changes(stroke=0.02, ends=0.06, bend=0.035, rotate=10, shear=12, aspect=0.2)
OF_TEMPLATE = Changes(
    point=0.03, stroke=0.035, ends=0.1, bend=0.05, rotate=13, shear=18, aspect=0.35
)
OF_OTHER = Changes(point=0.025, stroke=0.02, ends=0.04, bend=0.04, rotate=15, shear=12, aspect=0.3)


def read_pen_digits(file: Path) -> list[tuple[int, Strokes]]:
    """Labels and strokes of a file of JSON lines with `label` and `strokes`."""
    found = []
    for line in file.read_text().splitlines():
        item = json.loads(line)
        found.append((int(item["label"]), [np.array(stroke, float) for stroke in item["strokes"]]))
    return found


def pen_digit_images(
    digits: list[tuple[int, Strokes]], each: int, seed: int = 0
) -> tuple[Images, npt.NDArray[np.uint8]]:
    """Every digit `each` times, changed and drawn anew: uint8 [n, 28, 28] and labels [n]."""
    return _images(
        ((label, strokes, OF_PEN) for label, strokes in digits for _ in range(each)), seed
    )


def template_images(each: int, seed: int = 0) -> tuple[Images, npt.NDArray[np.uint8]]:
    """Every template of a digit `each` times: uint8 [n, 28, 28] and labels [n]."""
    ways = list(templates.all_digits())
    return _images(
        ((label, _curved(strokes), OF_TEMPLATE) for label, strokes in ways for _ in range(each)),
        seed,
    )


def _images(
    items: Iterator[tuple[int, Strokes, Changes]], seed: int
) -> tuple[Images, npt.NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    images, labels = [], []
    for label, strokes, changes in items:
        images.append(draw_prepared(change(strokes, changes, generator), generator))
        labels.append(label)
    return np.stack(images), np.array(labels, np.uint8)


def other_images(each: int, seed: int = 0) -> Images:
    """Images of other things than digits, uint8 [n, 28, 28]: each template `each` times.

    Half as many again are dots, scribbles, zigzags and polygons, and digits side by side.
    """
    generator = np.random.default_rng(seed)
    ways = [_curved(strokes) for _, strokes in templates.all_others()]
    images = [
        draw_prepared(change(strokes, OF_OTHER, generator), generator)
        for strokes in ways
        for _ in range(each)
    ]
    digits = [_curved(strokes) for _, strokes in templates.all_digits()]
    more = (_any_other(number, digits, generator) for number in range(len(images) // 2))
    return np.stack([*images, *(draw_prepared(strokes, generator) for strokes in more)])


def _any_other(number: int, digits: list[Strokes], generator: np.random.Generator) -> Strokes:
    kinds = (_dots, _scribble, _zigzag, _polygon)
    if number % 2:
        return _row_of(digits, generator)
    return kinds[number // 2 % len(kinds)](generator)


def _row_of(digits: list[Strokes], generator: np.random.Generator) -> Strokes:
    """Two or three digits side by side, as one writes a number."""
    row: Strokes = []
    right = 0.0
    for _ in range(2 + int(generator.random() < 0.25)):
        strokes = change(digits[generator.integers(len(digits))], OF_TEMPLATE, generator)
        points = np.concatenate(strokes)
        size = float((points[:, 1].max() - points[:, 1].min()) or 1.0)
        start = right + generator.uniform(-0.05, 0.45) - points[:, 0].min() / size
        lift = generator.normal(0, 0.06) - points[:, 1].min() / size
        row += [stroke / size + [start, lift] for stroke in strokes]
        right = max(float(stroke[:, 0].max()) for stroke in row)
    return row


def _dots(generator: np.random.Generator) -> Strokes:
    """A single dot, or several anywhere."""
    count = 1 if generator.random() < 0.5 else int(generator.integers(2, 12))
    return [place + generator.normal(0, 0.012, (3, 2)) for place in generator.random((count, 1, 2))]


def _scribble(generator: np.random.Generator) -> Strokes:
    """One to three lines that wander about."""
    strokes = []
    for _ in range(generator.integers(1, 4)):
        turns = np.cumsum(
            generator.normal(0, generator.uniform(0.5, 1.6), generator.integers(8, 40))
        )
        steps = np.stack([np.cos(turns), np.sin(turns)], 1) * generator.uniform(0.05, 0.3)
        points = generator.random(2) + np.cumsum(steps, 0)
        strokes.append(_curve(np.abs((points + 1) % 2 - 1)))  # thrown back at the edges
    return strokes


def _zigzag(generator: np.random.Generator) -> Strokes:
    """Up and down from left to right, or from top to bottom."""
    count = int(generator.integers(5, 14))
    up = np.where(np.arange(count) % 2, 1, -1) * generator.uniform(0.1, 0.5)
    points = np.stack([np.linspace(0, 1, count), 0.5 + up + generator.normal(0, 0.04, count)], 1)
    points = points[:, ::-1] if generator.random() < 0.3 else points
    return [_curve(points) if generator.random() < 0.5 else points]


def _polygon(generator: np.random.Generator) -> Strokes:
    """Three to six corners, turned at random."""
    corners = int(generator.integers(3, 7))
    angles = np.arange(corners + 1) / corners * 2 * np.pi + generator.uniform(0, 2 * np.pi)
    return [np.stack([np.cos(angles), np.sin(angles) * generator.uniform(0.6, 1)], 1)]


def _curved(strokes: Strokes) -> Strokes:
    return [_curve(stroke) for stroke in strokes]


def _curve(points: Points, pieces: int = 4) -> Points:
    """The pen's path near the points: a curve through the middles between them."""
    if len(points) < 3:
        share = np.linspace(0, 1, 2 * pieces)[:, None]
        return points[:1] * (1 - share) + points[-1:] * share
    middles = (points[1:-2] + points[2:-1]) / 2
    starts, ends = np.concatenate([points[:1], middles]), np.concatenate([middles, points[-1:]])
    share = np.linspace(0, 1, pieces + 1)[None, 1:, None]
    bends = points[1:-1, None]
    curve = (1 - share) ** 2 * starts[:, None] + 2 * share * (1 - share) * bends
    return np.concatenate([points[:1], (curve + share**2 * ends[:, None]).reshape(-1, 2)])


def change(strokes: Strokes, changes: Changes, generator: np.random.Generator) -> Strokes:
    """The strokes with random changes of every kind."""
    everything = np.concatenate(strokes)
    low, high = everything.min(0), everything.max(0)
    size = max(float((high - low).max()), 1e-6)
    middle = (low + high) / 2
    angle = np.radians(generator.uniform(-changes.rotate, changes.rotate))
    slant = np.tan(np.radians(generator.uniform(-changes.shear, changes.shear)))
    stretch = np.exp(generator.uniform(-changes.aspect, changes.aspect) / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, slant], [0, 1]]) @ np.diag([stretch, 1 / stretch])
    # A smooth warp: three waves in each direction.
    waves = generator.normal(0, 1, (3, 2)) * 2.5
    phases = generator.uniform(0, 2 * np.pi, 3)
    pushes = generator.normal(0, changes.bend / np.sqrt(1.5), (3, 2))
    changed = []
    for stroke in strokes:
        points = (stroke - middle) / size
        points = _with_other_ends(points, changes.ends, generator)
        points = points + generator.normal(0, changes.stroke, 2)
        points = points + _smooth_noise(len(points), changes.point, generator)
        points = points + np.sin(points @ waves.T + phases) @ pushes
        changed.append(points @ matrix.T)
    return changed


def _with_other_ends(points: Points, most: float, generator: np.random.Generator) -> Points:
    """A stroke that begins and ends somewhat earlier or later."""
    if len(points) < 6 or not most:
        return points
    for _ in range(2):
        points = points[::-1]
        share = generator.uniform(-most, most)
        count = round(abs(share) * len(points))
        if share < 0:
            points = points[: len(points) - count]
        elif count:
            along = points[-1] - points[-3]
            length = max(float(np.linalg.norm(along)), 1e-6)
            path = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
            points = np.concatenate([points, points[-1:] + along / length * share * path])
    return points


def _smooth_noise(count: int, amount: float, generator: np.random.Generator) -> Points:
    """Random displacements [count, 2] that change slowly along a stroke."""
    if not amount:
        return np.zeros((count, 2))
    knots = max(3, count // 5)
    noise = generator.normal(0, amount, (knots, 2))
    places, at = np.linspace(0, 1, knots), np.linspace(0, 1, count)
    return np.stack([np.interp(at, places, noise[:, axis]) for axis in (0, 1)], 1)


def draw_prepared(strokes: Strokes, generator: np.random.Generator) -> Images:
    """Drawn with a round pen of random width, then prepared: uint8 [28, 28]."""
    everything = np.concatenate(strokes)
    low, high = everything.min(0), everything.max(0)
    width = ZOOM * PAPER * np.exp(generator.uniform(np.log(THINNEST), np.log(THICKEST)))
    size = max(float((high - low).max()), 0.15)
    scale = (ZOOM * PAPER - 1.2 * width - 8) / size if size > 0.15 else ZOOM * PAPER / 2
    canvas = Image.new("L", (ZOOM * PAPER, ZOOM * PAPER), 255)
    pen = ImageDraw.Draw(canvas)
    radius = width / 2
    for stroke in strokes:
        path = (stroke - (low + high) / 2) * scale + ZOOM * PAPER / 2
        corners = [(float(x), float(y)) for x, y in path]
        pen.line(corners, fill=0, width=round(width))
        for x, y in corners:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=0)
    image28 = prepare(np.asarray(canvas.reduce(ZOOM))).image28
    return np.round(image28 * 255).astype(np.uint8)


def joined(*parts: tuple[Images, npt.NDArray[np.uint8]]) -> mnist.Dataset:
    """MNIST with the images and labels of `parts` among its training images."""
    data = mnist.load()
    images, labels = zip((data.x_train, data.y_train), *parts, strict=True)
    return mnist.Dataset(
        np.concatenate(images), np.concatenate(labels), data.x_test, data.y_test, data.name
    )
