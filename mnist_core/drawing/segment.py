"""From the marks on a page to its digits, in the order in which one reads them.

Marks that belong together by their places become one digit (a five's bar, an open four), and the
digits are put in lines. It is a first guess, made without reading: `partition.py` goes on from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from mnist_core.drawing.marks import ALL_AROUND, Mask, label_marks, stroke_width

# Least height of a digit, as a share of the picture's longer side.
LEAST_SIZE = 0.025
# Marks that are looked at, the largest first; digits that are read.
MOST_MARKS, MAX_DIGITS = 400, 100
# Parts of a torn stroke lie nearer to each other than this share of the stroke's width.
TORN = 0.5
# What runs along a whole side of a photo and is so much longer than wide is the end of the paper,
# or of the light. Away from the side it may be a thin "1" in a number cut out along its ink.
EDGE_ASPECT = 15
# A disc of ink: its longer side by its shorter, the share of its box that is ink (a circle's is
# 0.785; one digit in a thousand of MNIST has 0.7), and how many strokes thick it is at least.
DISC_ASPECT, DISC_INK, DISC_STROKES = 1.3, 0.74, 2.2


class Box(NamedTuple):
    """The place of a digit in the picture, in its pixels; `right` and `bottom` not included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    def scaled(self, factor: float) -> Box:
        """The same place in a picture `factor` times as large."""
        return Box(*(round(value * factor) for value in self))


@dataclass(frozen=True, eq=False)
class Group:
    """The marks of one digit: their box in the picture, and its ink within the box, bool [h, w]."""

    box: Box
    marks: Mask


def find_groups(mask: Mask, *, even: bool) -> tuple[list[Group], list[Group]]:
    """The marks of each digit, line by line from left to right, and marks too small to be one.

    Dust and smears are left out. `even` says that the picture comes from a screen: then marks at
    its edge are digits too.
    """
    groups, small = _grouped(_marks(mask), mask.shape, even)
    return in_order(groups), small


def in_order(groups: list[Group]) -> list[Group]:
    """The groups line by line from left to right."""
    lines = reading_lines([group.box for group in groups])
    return [groups[index] for line in lines for index in line]


def _marks(mask: Mask) -> list[Group]:
    """The largest connected marks, or those that nearly touch."""
    reach = max(1, round(TORN * stroke_width(mask) / 2))
    near = ndimage.binary_dilation(mask, ALL_AROUND, iterations=reach)
    labels = label_marks(mask, MOST_MARKS, within=near)
    found = []
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        if place is not None:
            rows, columns = place
            box = Box(columns.start, rows.start, columns.stop, rows.stop)
            found.append((max(box.width, box.height), number, box))
    found.sort(key=lambda item: -item[0])
    return [
        Group(box, labels[box.top : box.bottom, box.left : box.right] == number)
        for _, number, box in found
    ]


def _grouped(
    marks: list[Group], shape: tuple[int, ...], even: bool
) -> tuple[list[Group], list[Group]]:
    """Marks that belong to one digit, together: a five's bar, an open four, a seven's dash."""
    height, width = shape

    def inside(box: Box) -> bool:
        return box.left > 0 and box.top > 0 and box.right < width and box.bottom < height

    def size(group: Group) -> int:
        return max(group.box.width, group.box.height)

    def runs_along_a_side(box: Box) -> bool:
        upright = box.height == height and EDGE_ASPECT * box.width < height
        level = box.width == width and EDGE_ASPECT * box.height < width
        at_left_or_right = box.left == 0 or box.right == width
        at_top_or_bottom = box.top == 0 or box.bottom == height
        return (upright and at_left_or_right) or (level and at_top_or_bottom)

    candidates = marks
    if not even:
        candidates = [mark for mark in marks if not runs_along_a_side(mark.box)]
        inner = [mark for mark in candidates if inside(mark.box)]
        candidates = _without_edges(candidates, inner)
    candidates = _without_holes(candidates)
    if not candidates:
        return [], []
    usual = float(np.quantile([size(mark) for mark in candidates], 0.9))
    heights = [m.box.height for m in candidates if m.box.height >= 0.4 * usual]
    usual = float(np.median(heights)) if heights else usual
    largest = max(int(mark.marks.sum()) for mark in candidates)
    parts = [
        mark
        for mark in candidates
        if size(mark) >= 0.12 * usual and mark.marks.sum() >= 0.01 * largest
    ]
    groups: list[list[Group]] = []
    for mark in parts:  # the largest first
        own = [g for g in groups if any(_belong(mark.box, other.box, usual) for other in g)]
        if own:
            max(own, key=lambda g: max(_across(mark.box, other.box) for other in g)).append(mark)
        else:
            groups.append([mark])
    least = max(0.4 * usual, LEAST_SIZE * max(height, width))
    shortest = LEAST_SIZE * max(height, width)  # lower is a dash, or the edge of something
    digits: list[Group] = []
    small: list[Group] = []
    for group in groups:
        whole = joined(group)
        is_digit = size(group[0]) >= least and whole.box.height >= shortest
        (digits if is_digit else small).append(whole)
    return digits, small


def _without_edges(marks: list[Group], inner: list[Group]) -> list[Group]:
    """Without what runs over a photo's edge and is no digit: the end of the paper, a shadow.

    A mark at the edge stays when it is about as large as those inside, or when all are there.
    """
    if not inner:
        return marks
    heights = [mark.box.height for mark in inner]
    usual = float(np.median([height for height in heights if height >= 0.5 * max(heights)]))
    return [
        mark
        for mark in marks
        if any(mark is other for other in inner)
        or (0.6 * usual <= mark.box.height <= 1.6 * usual and mark.box.width <= 1.6 * usual)
    ]


def _without_holes(marks: list[Group]) -> list[Group]:
    """Without punched holes and blots: discs filled with ink, much thicker than the strokes."""

    def is_disc(mark: Group) -> bool:
        sides = sorted((mark.box.width, mark.box.height))
        return sides[1] <= DISC_ASPECT * sides[0] and bool(mark.marks.mean() >= DISC_INK)

    discs = [mark for mark in marks if is_disc(mark)]
    others = [stroke_width(mark.marks) for mark in marks if mark not in discs]
    if not discs or not others:
        return marks
    thick = DISC_STROKES * float(np.median(others))
    holes = [disc for disc in discs if min(disc.box.width, disc.box.height) >= thick]
    return [mark for mark in marks if mark not in holes]


def joined(parts: list[Group]) -> Group:
    """One group of several marks."""
    if len(parts) == 1:
        return parts[0]
    boxes = np.array([part.box for part in parts])
    box = Box(*map(int, [*boxes[:, :2].min(0), *boxes[:, 2:].max(0)]))
    marks = np.zeros((box.height, box.width), np.bool_)
    for part in parts:
        top, left = part.box.top - box.top, part.box.left - box.left
        marks[top : top + part.box.height, left : left + part.box.width] |= part.marks
    return Group(box, marks)


def _across(one: Box, other: Box) -> int:
    """By how many pixels the two overlap from left to right; negative for a gap."""
    return min(one.right, other.right) - max(one.left, other.left)


def _belong(small: Box, large: Box, usual: float) -> bool:
    """True when two marks are parts of one digit: one over, in or (when it is small) beside it."""
    across = _across(small, large)
    down = min(small.bottom, large.bottom) - max(small.top, large.top)
    if large.height > 2.5 * usual:
        return False
    if small.height < 0.45 * usual and min(across, down) > -0.15 * usual:
        return True
    part = max(small.height, small.width) < 0.75 * max(large.height, large.width)
    part = part or large.height < 0.45 * usual  # a five under its long bar
    over = across >= 0.5 * min(small.width, large.width) and down > -0.25 * usual
    # A tail that reaches into the next line lies beside its digits, or over them only a little.
    within = down > 0.35 * min(small.height, large.height)
    low = min(small.height, large.height) < 0.75 * usual
    return over and (within or (part and low))


def trimmed(left: int, top: int, marks: Mask) -> Group | None:
    """Marks with their top left corner in the picture as a group; None without ink."""
    rows, columns = np.flatnonzero(marks.any(1)), np.flatnonzero(marks.any(0))
    if not len(rows):
        return None
    first, last = (int(rows[0]), int(columns[0])), (int(rows[-1]) + 1, int(columns[-1]) + 1)
    box = Box(left + first[1], top + first[0], left + last[1], top + last[0])
    return Group(box, marks[first[0] : last[0], first[1] : last[1]])


def reading_lines(boxes: list[Box]) -> list[list[int]]:
    """The places of the boxes line by line, each line from left to right.

    A box joins the line whose last box overlaps it by half of the lower one's height.
    """
    lines: list[list[int]] = []
    for index in sorted(range(len(boxes)), key=lambda index: boxes[index].left):
        box = boxes[index]
        for line in lines:
            last = boxes[line[-1]]
            down = min(box.bottom, last.bottom) - max(box.top, last.top)
            if down >= 0.5 * min(box.height, last.height):
                line.append(index)
                break
        else:
            lines.append([index])
    return sorted(lines, key=lambda line: float(np.mean([boxes[index].top for index in line])))
