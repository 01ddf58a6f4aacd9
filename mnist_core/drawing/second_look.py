"""A second look at marks that look like no digit: cut or joined, perhaps they do.

Digits of two lines whose tails touch hang together, and so do digits that touch in a line; a stroke
torn in two is two marks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnist_core.drawing.cut_out import FoundDigit, prepared
from mnist_core.drawing.not_a_digit import UNSURE, doubt
from mnist_core.drawing.preprocessing import FloatArray
from mnist_core.drawing.segment import Box, Group, in_order, joined, split, trimmed

# So many marks get a second look at most; a cut lies within this part of the marks' length.
MOST = 30
CUT_FROM, CUT_TO = 0.3, 0.7
# Marks are cut that are this much higher or wider than most; no single digit is as wide for its
# height as TOO_WIDE.
HIGHER, WIDER, TOO_WIDE = 1.35, 1.3, 2.2
# Parts of a digit are no further apart than this share of the usual height, and together no
# higher than usual and no wider than high by more than this factor.
GAP, WIDEST = 0.25, 1.3


def look_again(ink: FloatArray, groups: list[Group]) -> list[Group]:
    """The groups line by line, some of them cut or joined with a neighbour.

    `ink` is the whole picture's, float32 [H, W] in [0, 1].
    """
    if len(groups) == 1 and len(split(groups[0])) == 1:
        return groups
    kept = dict(enumerate(groups))
    doubts = _doubts(ink, groups)
    for index in np.argsort(-doubts).tolist():
        if index not in kept or not (doubts[index] > UNSURE or _is_too_wide(kept[index])):
            continue
        if len(kept) > len(groups) + MOST:
            break
        parts = _parts(ink, kept[index], groups)
        if parts:
            del kept[index]
            first = max([*kept, len(groups)]) + 1
            kept |= dict(enumerate(parts, first))
        elif len(groups) > 1:
            _join_with_neighbour(ink, kept, index)
    return in_order(list(kept.values()))


def _is_too_wide(group: Group) -> bool:
    return group.box.width > TOO_WIDE * group.box.height


def _parts(ink: FloatArray, group: Group, groups: list[Group]) -> list[Group]:
    """The digits into which a group is cut; none where it stays whole."""
    parts = split(group)
    if len(parts) > 1 and np.median(_doubts(ink, parts)) <= UNSURE:
        return parts
    for parts in _cuts(group, groups):
        if _doubts(ink, parts).max() <= UNSURE:
            return parts
    return []


def _join_with_neighbour(ink: FloatArray, kept: dict[int, Group], index: int) -> None:
    own = kept[index]
    near = sorted((_gap(own.box, other.box), key) for key, other in kept.items() if key != index)
    usual = float(np.median([group.box.height for group in kept.values()]))
    for gap, key in near[:2]:
        whole = joined([own, kept[key]])
        higher = whole.box.height > WIDEST * max(usual, own.box.height)
        if gap > GAP * usual or higher or whole.box.width > WIDEST * whole.box.height:
            continue
        if _doubts(ink, [whole])[0] <= UNSURE:
            kept[index] = whole
            del kept[key]
            return


def _gap(one: Box, other: Box) -> float:
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return float(np.hypot(max(across, 0), max(down, 0)))


def _cuts(group: Group, groups: list[Group]) -> list[list[Group]]:
    """A group higher or wider than most, cut between two lines or digits where least ink is."""
    if len(groups) < 3:
        return []
    ways = []
    left, top = group.box.left, group.box.top
    height, width = group.marks.shape
    row, column = _thinnest(group.marks.T), _thinnest(group.marks)
    if row and height > HIGHER * np.median([other.box.height for other in groups]):
        upper, lower = group.marks[:row], group.marks[row:]
        ways.append([trimmed(left, top, upper), trimmed(left, top + row, lower)])
    widest = WIDER * np.median([other.box.width for other in groups])
    if column and width > max(widest, 0.7 * height):
        before, after = group.marks[:, :column], group.marks[:, column:]
        ways.append([trimmed(left, top, before), trimmed(left + column, top, after)])
    return [[part for part in parts if part is not None] for parts in ways if None not in parts]


def _thinnest(marks: npt.NDArray[np.bool_]) -> int:
    """The column in the middle part with the least ink; 0 where more than one stroke crosses it.

    A cut through two strokes would open a loop.
    """
    width = marks.shape[1]
    start, stop = round(CUT_FROM * width), round(CUT_TO * width)
    strokes = (np.diff(marks.astype(np.int8), axis=0, prepend=0) > 0).sum(0)
    amounts = np.where(strokes > 1, len(marks) + 1, marks.sum(0))[start:stop]
    if not amounts.size or amounts.min() > len(marks):
        return 0
    return start + int(amounts.argmin())


def _doubts(ink: FloatArray, groups: list[Group]) -> FloatArray:
    """The doubt about each group, 1 for those without ink."""
    found: list[FoundDigit | None] = []
    for group in groups:
        digits = prepared(ink, [group])
        found.append(digits[0] if digits else None)
    images = [digit.steps.image28 for digit in found if digit is not None]
    known = iter(doubt(np.stack(images)) if images else ())
    return np.array([1.0 if digit is None else next(known) for digit in found], np.float32)
