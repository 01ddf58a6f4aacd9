"""Digits as they are written in Europe, made from MNIST's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.data import mnist


def european_digits(
    dataset: mnist.Dataset, count: int, seed: int = 0
) -> tuple[mnist.ByteArray, npt.NDArray[np.uint8]]:
    """Images uint8 [count, 28, 28] and labels uint8 [count] of digits as written in Europe.

    MNIST's writers were American: few of them put a flag on the one, a slash through the zero
    or a bar across the seven. Here that stroke is drawn onto training images, a third each.
    """
    generator = np.random.default_rng(seed)
    images, labels = [], []
    for digit, add in ((0, _slash), (1, _flag), (7, _bar)):
        candidates = np.flatnonzero(dataset.y_train == digit)
        amounts = dataset.x_train[candidates].mean((1, 2))
        # In the thickest quarter the added stroke would not show.
        candidates = candidates[amounts < np.quantile(amounts, 0.75)]
        share = -(-count // 3)
        for index in generator.choice(candidates, share, replace=share > len(candidates)):
            images.append(_with_strokes(dataset.x_train[index], add, generator))
            labels.append(digit)
    return np.stack(images)[:count], np.array(labels, np.uint8)[:count]


Point = tuple[float, float]


def _with_strokes(image: mnist.ByteArray, add: Any, generator: np.random.Generator) -> Any:
    """The digit with `add`'s lines drawn on it in its own stroke width, prepared afresh."""
    from PIL import Image, ImageDraw

    from mnist_core.drawing.preprocessing import Preprocessing, prepare, stroke_width

    zoom, margin = 4, 6  # drawn four times larger, with room for what sticks out
    side = (28 + 2 * margin) * zoom
    picture = Image.new("L", (side, side))
    enlarged = Image.fromarray(image).resize((28 * zoom, 28 * zoom), Image.Resampling.BILINEAR)
    picture.paste(enlarged, (margin * zoom, margin * zoom))
    ink = np.asarray(picture, np.float32) / np.float32(255)
    width = stroke_width(ink) * generator.uniform(0.7, 1.05)
    draw = ImageDraw.Draw(picture)
    for line in add(ink, generator):
        draw.line(line, fill=255, width=max(1, round(width)), joint="curve")
        for x, y in line:
            draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    steps = prepare(np.asarray(picture), Preprocessing(thickness=False))
    return np.round(steps.image28 * 255).astype(np.uint8)


def _box(ink: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the ink."""
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])


def _slash(ink: npt.NDArray[np.float32], generator: np.random.Generator) -> list[list[Point]]:
    """From below left to above right through a zero, within it or beyond."""
    left, top, right, bottom = _box(ink)
    reach = generator.uniform(0.6, 1.25, 2)
    x, y = (left + right) / 2, (top + bottom) / 2
    half_width = max(right - left, 0.5 * (bottom - top)) / 2
    half_height = (bottom - top) / 2 * generator.uniform(0.7, 1.0)
    start = (x - reach[0] * half_width, y + reach[0] * half_height)
    end = (x + reach[1] * half_width, y - reach[1] * half_height)
    return [[start, end]]


def _flag(ink: npt.NDArray[np.float32], generator: np.random.Generator) -> list[list[Point]]:
    """From the head of a one down to the left; now and then with a line under its foot."""
    _left, top, _right, bottom = _box(ink)
    height = bottom - top
    head = float(np.flatnonzero(ink[int(top) + 2] > 0.3).mean())
    angle = np.radians(generator.uniform(25, 65))  # from the vertical
    length = height * generator.uniform(0.25, 0.55)
    tip = (head - length * np.sin(angle), top + length * np.cos(angle))
    lines = [[tip, (head, top + 2)]]
    if generator.random() < 0.25:
        foot = float(np.flatnonzero(ink[int(bottom) - 2] > 0.3).mean())
        reach = height * generator.uniform(0.15, 0.35, 2)
        lines.append([(foot - reach[0], bottom), (foot + reach[1], bottom)])
    return lines


def _bar(ink: npt.NDArray[np.float32], generator: np.random.Generator) -> list[list[Point]]:
    """Across the stem of a seven, about halfway down."""
    left, top, right, bottom = _box(ink)
    y = top + (bottom - top) * generator.uniform(0.4, 0.65)
    stem = np.flatnonzero(ink[int(y)] > 0.5)
    x = float(stem.mean()) if len(stem) else (left + right) / 2
    reach = (bottom - top) * generator.uniform(0.15, 0.35, 2)
    rise = (bottom - top) * generator.uniform(-0.05, 0.1)
    return [[(x - reach[0], y + rise / 2), (x + reach[1], y - rise / 2)]]
