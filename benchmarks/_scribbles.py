"""Drawings that are no digit: scribbles, zigzags, shapes, dots, letters, two digits at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from benchmarks._shapes import straight
from mnist_core.data import mnist
from mnist_core.drawing.strokes import INK, PAPER, SIDE, Stroke, picture

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
# Without those that some people write as a digit.
LETTERS = "ACEFHKMNPRTUVWXYadefhkmnprtwy"
WIDTH = 20


def no_digits(each: int, seed: int = 0) -> dict[str, list[Picture]]:
    """`each` pictures of every kind, uint8 [280, 280], dark on white."""
    generator = np.random.default_rng(seed)
    kinds = {
        "scribbles": scribble,
        "zigzags": zigzag,
        "shapes": shape,
        "dots": dots,
        "two digits": two_digits,
    }
    found = {kind: [make(generator) for _ in range(each)] for kind, make in kinds.items()}
    return found | {"letters": [letter(text) for text in LETTERS]}


def scribble(generator: np.random.Generator) -> Picture:
    """One to three lines that wander about the paper."""
    strokes = []
    for _ in range(generator.integers(1, 4)):
        angle, point = generator.uniform(0, 2 * np.pi), generator.uniform(60, 220, 2)
        points = [point]
        for _ in range(generator.integers(6, 25)):
            angle += generator.normal(0, 1.2)
            step = generator.uniform(10, 45) * np.array([np.cos(angle), np.sin(angle)])
            point = np.clip(point + step, 10, 270)
            points.append(point)
        strokes.append(_stroke(np.array(points)))
    return picture(tuple(strokes))


def zigzag(generator: np.random.Generator) -> Picture:
    """Up and down from left to right."""
    count = int(generator.integers(5, 12))
    x = np.linspace(40, 240, count)
    side = np.where(np.arange(count) % 2, 1, -1)
    y = 140 + generator.uniform(40, 100) * side + generator.normal(0, 10, count)
    return picture((_stroke(np.stack([x, y], axis=1)),))


def shape(generator: np.random.Generator) -> Picture:
    """A triangle, square, pentagon, hexagon or five-pointed star, turned at random."""
    corners = int(generator.integers(3, 8))
    star = corners == 7
    turns = np.arange(6) * 4 / 5 if star else np.arange(corners + 1) * 2 / corners
    angles = generator.uniform(0, 2 * np.pi) + np.pi * turns
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return picture((_stroke(140 + 90 * straight(points)),))


def dots(generator: np.random.Generator) -> Picture:
    """Three to eleven dots anywhere."""
    places = generator.uniform(30, 250, (int(generator.integers(3, 12)), 2))
    return picture(tuple(_stroke(place[None]) for place in places))


def two_digits(generator: np.random.Generator) -> Picture:
    """Two of MNIST's test digits side by side."""
    images = mnist.load().x_test
    paper = Image.new("L", (SIDE, SIDE), PAPER)
    for number, index in enumerate(generator.integers(0, len(images), 2)):
        digit = Image.fromarray(255 - images[index]).resize((140, 140))
        paper.paste(digit, (140 * number, 70))
    return np.asarray(paper)


def letter(text: str) -> Picture:
    """A printed letter."""
    paper = Image.new("L", (SIDE, SIDE), PAPER)
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(200)
    pen.text((SIDE // 2, SIDE // 2), text, font=font, fill=INK, anchor="mm")
    return np.asarray(paper)


def _stroke(points: Points) -> Stroke:
    return Stroke(tuple((float(x), float(y)) for x, y in points), WIDTH)
