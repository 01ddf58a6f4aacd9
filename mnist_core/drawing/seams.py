"""Seams: the paths of least ink along which marks that hang together may be cut apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.marks import Mask

# A seam's rows hold at most so many pixels: a finer one finds no other way.
MOST_ROWS = 120
# What a step to the side costs, in pixels of ink; a seam crosses so many strokes at most.
SIDESTEP, MOST_CROSSED = 0.15, 2.5
# Seams are looked for around places this far apart and stray from them at most so far, as shares
# of a digit's height; two nearer to each other than the former are one.
EVERY, REACH = 0.12, 0.22


def strips_of(marks: Mask, height: float, stroke: float, most: int) -> list[tuple[Mask, float]]:
    """The strips, left to right, into which seams from top to bottom cut bool [h, w].

    With each comes how many strokes the seam on its left crosses. `height` is a digit's and
    `stroke` the width of the pen's strokes, both in pixels. The seams that cross the least ink are
    taken, `most` at the utmost; without any the mark is one strip.
    """
    step = max(1, -(-len(marks) // MOST_ROWS))
    small = marks[::step]
    found: list[tuple[float, npt.NDArray[np.intp]]] = []
    width = marks.shape[1]
    for middle in np.arange(0.2 * height, width - 0.15 * height, EVERY * height):
        first = max(1, round(middle - REACH * height))
        last = min(width - 1, round(middle + REACH * height))
        if last - first < 2:
            continue
        path, ink = _seam(small[:, first:last])
        crossed = ink * step / max(stroke, 1.0)
        if crossed <= MOST_CROSSED:
            found.append((crossed, path + first))
    found.sort(key=lambda seam: seam[0])
    kept: list[tuple[float, npt.NDArray[np.intp]]] = []
    for crossed, path in found:
        if all(np.abs(path - other).mean() > EVERY * height / 2 for _, other in kept):
            kept.append((crossed, path))
        if len(kept) == most:
            break
    kept.sort(key=lambda seam: float(seam[1].mean()))
    rows = np.minimum(np.arange(len(marks)) // step, len(small) - 1)
    columns = np.arange(width)
    place = np.zeros(marks.shape, np.int8)
    for _, path in kept:
        place += columns >= path[rows][:, None]
    strips = [marks & (place == number) for number in range(len(kept) + 1)]
    crossings = [0.0, *(crossed for crossed, _ in kept)]
    return [pair for pair in zip(strips, crossings, strict=True) if pair[0].any()]


def _seam(marks: Mask) -> tuple[npt.NDArray[np.intp], float]:
    """The column in each row of the path of least ink, and the ink that it crosses, in pixels."""
    height, width = marks.shape
    cost = marks.astype(np.float32)
    best = cost[0].copy()
    moves = np.zeros((height, width), np.int8)
    edge = np.full(1, np.inf, np.float32)
    for row in range(1, height):
        left = np.concatenate([edge, best[:-1]]) + SIDESTEP
        right = np.concatenate([best[1:], edge]) + SIDESTEP
        ways = np.stack([best, left, right])
        way = ways.argmin(0)
        moves[row] = np.array([0, -1, 1], np.int8)[way]
        best = ways.min(0) + cost[row]
    path = np.zeros(height, np.intp)
    path[-1] = int(best.argmin())
    for row in range(height - 1, 0, -1):
        path[row - 1] = path[row] + int(moves[row, path[row]])
    return path, float(marks[np.arange(height), path].sum())
