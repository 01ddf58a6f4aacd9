"""A second look at marks that look like no digit: cut or joined, perhaps they do.

Digits of two lines whose tails touch hang together, and so do digits that touch in a line; a stroke
torn in two is two marks.
"""

from __future__ import annotations

import numpy as np

from mnist_core.drawing.cut_out import FoundDigit, prepared
from mnist_core.drawing.not_a_digit import UNSURE, doubt
from mnist_core.drawing.preprocessing import FloatArray
from mnist_core.drawing.segment import Box, Group, joined, trimmed

# So many marks get a second look at most; a cut lies within this part of the marks' length.
MOST = 30
CUT_FROM, CUT_TO = 0.3, 0.7
# Parts of a digit are no further apart than this share of their height, and no wider together.
GAP, WIDEST = 0.3, 1.3


def look_again(ink: FloatArray, groups: list[Group]) -> list[Group]:
    """The groups, some of them cut in two or joined with a neighbour; in no order."""
    if len(groups) < 2:
        return groups
    doubts = _doubts(ink, groups)
    kept = dict(enumerate(groups))
    for index in np.argsort(-doubts)[:MOST].tolist():
        if doubts[index] <= UNSURE or index not in kept:
            continue
        for parts in _cuts(groups[index]):
            if _doubts(ink, parts).max() <= UNSURE:
                del kept[index]
                kept |= {max(kept, default=0) + 1 + n + len(groups): p for n, p in enumerate(parts)}
                break
        else:
            _join_with_neighbour(ink, kept, index)
    return list(kept.values())


def _join_with_neighbour(ink: FloatArray, kept: dict[int, Group], index: int) -> None:
    own = kept[index]
    near = sorted((_gap(own.box, other.box), key) for key, other in kept.items() if key != index)
    for gap, key in near[:2]:
        whole = joined([own, kept[key]])
        if gap > GAP * whole.box.height or whole.box.width > WIDEST * whole.box.height:
            continue
        if _doubts(ink, [whole])[0] <= UNSURE:
            kept[index] = whole
            del kept[key]
            return


def _gap(one: Box, other: Box) -> float:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return float(np.hypot(max(across, 0), max(down, 0)))


def _cuts(group: Group) -> list[list[Group]]:
    """The group cut between two lines, and cut between two digits, where there is least ink."""
    ways = []
    left, top = group.box.left, group.box.top
    height, width = group.marks.shape
    if height > width:
        row = _thinnest(group.marks.sum(1))
        parts = [trimmed(left, top, group.marks[:row]), trimmed(left, top + row, group.marks[row:])]
        ways.append(parts)
    if width > 0.7 * height:
        column = _thinnest(group.marks.sum(0))
        parts = [
            trimmed(left, top, group.marks[:, :column]),
            trimmed(left + column, top, group.marks[:, column:]),
        ]
        ways.append(parts)
    return [[part for part in parts if part is not None] for parts in ways if None not in parts]


def _thinnest(amounts: np.ndarray) -> int:
    start, stop = round(CUT_FROM * len(amounts)), round(CUT_TO * len(amounts))
    return start + int(np.argmin(amounts[start : max(stop, start + 1)]))


def _doubts(ink: FloatArray, groups: list[Group]) -> FloatArray:
    """The doubt about each group, 1 for those without ink."""
    found: list[FoundDigit | None] = []
    for group in groups:
        digits = prepared(ink, [group])
        found.append(digits[0] if digits else None)
    images = [digit.steps.image28 for digit in found if digit is not None]
    known = iter(doubt(np.stack(images)) if images else ())
    return np.array([1.0 if digit is None else next(known) for digit in found], np.float32)
