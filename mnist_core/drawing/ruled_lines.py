"""Lines that belong to no digit: ruled paper, lines under, over and through numbers, frames.

Ruled lines run through the whole picture. Every other line is looked for within the marks that hang
together: along it a path of ink runs nearly level through the whole width of the mark.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mnist_core.drawing.marks import ALL_AROUND, Mask, label_marks
from mnist_core.drawing.segment import Box, Group

Slices = tuple[slice, slice]


def without_ruled_lines(mask: Mask) -> Mask:
    """Without the lines of ruled or squared paper; where a stroke crosses one it stays whole."""
    return _without_level_lines(_without_level_lines(mask).T).T


# The slopes at which lines are looked for, first coarsely, then finely around the best; how
# much of the width a line covers at least; its thickness at most, as a share of the height and of
# its length (the strokes of a number cut out close are as long as the picture, but thicker).
COARSE, FINE = np.radians(np.arange(-5, 5.1, 0.5)), np.radians(np.arange(-0.4, 0.5, 0.1))
LINE_SHARE = 0.5
LINE_THICKNESS, LINE_SLENDERNESS = 1 / 40, 1 / 40


def _without_level_lines(mask: Mask) -> Mask:
    height, length = mask.shape

    y, x = np.nonzero(mask)
    x = x - mask.shape[1] / 2

    def sharpness(angle: float) -> float:
        """The share of the width that the three fullest rows cover once the picture is turned."""
        rows = np.round(y - np.tan(angle) * x).astype(int)
        rows = rows[(rows >= 0) & (rows < height)]
        counts = np.bincount(rows, minlength=3)
        return float(np.partition(counts, -3)[-3:].sum())

    angle = max(COARSE, key=sharpness)
    slope = float(np.tan(max(angle + FINE, key=sharpness)))
    level = _sheared(mask, slope)
    thick = ndimage.binary_dilation(level, np.ones((5, 1)))
    bands, count = ndimage.label(thick.mean(1) > LINE_SHARE)
    if count == 0:
        return mask
    for (band,) in ndimage.find_objects(bands):
        top, bottom = max(band.start - 1, 0), min(band.stop + 1, height)
        if bottom - top > max(8, LINE_THICKNESS * height):
            continue  # no line, but a row of writing or the edge of something
        if bottom - top - 6 > LINE_SLENDERNESS * length:  # widened by 6 pixels above
            continue  # a digit's own stroke
        # Where ink goes on above and below, a stroke crosses the line.
        reach = np.ones(2 * (bottom - top) + 1)
        above = ndimage.binary_dilation(level[max(top - 2, 0) : top].any(0), reach)
        below = ndimage.binary_dilation(level[bottom : bottom + 2].any(0), reach)
        level[top:bottom] &= above & below
    return mask & _sheared(level, slope, back=True)


def _sheared(mask: Mask, slope: float, back: bool = False) -> Mask:
    """Each column moved up or down so that lines of this slope become level, or `back` again."""
    height, width = mask.shape
    columns = np.arange(width)
    shift = np.round(slope * (columns - width / 2)).astype(int)
    rows = np.arange(height)[:, None] + (-shift if back else shift)
    inside = (rows >= 0) & (rows < height)
    sheared: Mask = mask[np.clip(rows, 0, height - 1), columns[None, :]] & inside
    return sheared


# A path of ink is looked for in strips of so many columns, from one to the next by at most one row
# up or down: a slope of 14°. It is a line when this share of the strips lies on ink.
STRIP = 4
LINE_COVER = 0.85
# How far a line strays from a straight one, in pixels and as a share of its width: the root mean
# square.
LEAST_BEND, MOST_BEND = 1.5, 0.015
# A line's thickness at most, as a share of the mark's height; columns that are this much thicker
# hold a stroke that crosses or touches the line.
LINE_THICKEST, CROSSED = 0.3, 1.7
# The same for the lines of a frame, as a share of its shorter side.
FRAME_THICKEST = 0.09
# A mark is looked through when it is this much wider than high; and so many lines at most.
LINE_ASPECT, MOST_LINES = 1.25, 30
# Marks are looked through from the largest on, and not more than these; of so many it is known
# where they lie.
MOST_MARKS, MOST_LABELS = 60, 1000
# Two halves of a torn stroke are no further apart than this share of their height together.
TORN = 0.06
# Marks lower than this share of the picture's longer side are dust.
DUST = 0.012


def without_other_lines(mask: Mask) -> tuple[Mask, list[Group]]:
    """Without rings, boxes and grids, ruled lines, and lines under, over and through numbers.

    Frames go first: without its upper and lower edge, a box would be two ones. The second value is
    that of `without_long_lines`.
    """
    return without_long_lines(without_ruled_lines(without_frames(mask)))


def without_long_lines(mask: Mask) -> tuple[Mask, list[Group]]:
    """Without lines under, over and through numbers; a stroke that crosses one stays whole.

    The second value holds the marks that lost a line, as they were: it may have been a digit's
    own stroke.
    """
    cleared = mask.copy()
    lined = []
    marks = list(_marks(mask))
    sizes = [max(_size(place)) for _, _, place in marks]
    usual = _usual_height(mask)
    for _, own, place in marks:
        height, width = _size(place)
        if _is_flat(own, usual):
            others = sum(size >= 0.5 * usual for size in sizes) > 1
            if others and width > 1.3 * usual:
                cleared[place] &= ~own
            continue
        if width < LINE_ASPECT * height or width < 1.3 * usual:
            continue
        part, count = strip_lines(own, 2, LINE_THICKEST * min(height, usual))
        if count:
            cleared[place] &= ~own | _without_crumbs(part, 0.25 * min(height, usual))
            rows, columns = place
            box = Box(columns.start, rows.start, columns.stop, rows.stop)
            lined.append(Group(box, own))
    return cleared, lined


def without_frames(mask: Mask) -> Mask:
    """Without rings, boxes and grids around digits, and without empty boxes beside them."""
    cleared = mask.copy()
    labels, places = _labelled(mask)
    frames = 0
    empty_boxes: list[tuple[Slices, Mask]] = []
    for number, own, place in _marks(mask, labels, places):
        inner = _inner_heights(labels, number, own, place)
        height, width = _size(place)
        boxed = _is_box(own)
        if inner and not _is_slashed_zero(labels, number, own, place, inner):
            frames += 1
            cleared[place] &= ~own | _within_frame(own, float(np.median(inner)))
        elif boxed:
            empty_boxes.append((place, own))
        elif min(height, width) > 0 and _is_grid(own):
            frames += 1
            cleared[place] &= ~own | _within_frame(own, 0.5 * min(height, width))
    if frames or len(empty_boxes) > 1:
        for place, own in empty_boxes:
            cleared[place] &= ~own
    return cleared


def strip_lines(mask: Mask, most: int, thickest: float) -> tuple[Mask, int]:
    """Without the nearly level lines through the whole width, and how many there were."""
    count = 0
    while count < most and (path := find_path(mask, thickest)) is not None:
        mask = _without_path(mask, path)
        count += 1
    return mask, count


def find_path(mask: Mask, thickest: float) -> npt.NDArray[np.intp] | None:
    """The row at each column of a line through the whole width; None when there is none.

    `thickest` is what a line may measure from its upper to its lower edge, in pixels.
    """
    height, width = mask.shape
    strips = width // STRIP
    if strips < 4 or height < 2:
        return None
    thick = ndimage.binary_dilation(mask, np.ones((3, 1)))
    ink = thick[:, : strips * STRIP].reshape(height, strips, STRIP).mean(2)
    best, moves = ink[:, 0].copy(), np.zeros((strips, height), np.int8)
    for strip in range(1, strips):
        above = np.concatenate([[-np.inf], best[:-1]]) - 0.1
        below = np.concatenate([best[1:], [-np.inf]]) - 0.1
        ways = np.stack([best, above, below])
        way = ways.argmax(0)
        moves[strip] = np.array([0, -1, 1], np.int8)[way]
        best = ways.max(0) + ink[:, strip]
    row = int(best.argmax())
    rows = np.zeros(strips, np.intp)
    for strip in range(strips - 1, -1, -1):
        rows[strip] = row
        row += int(moves[strip, row])
    if (ink[rows, np.arange(strips)] > 0.5).mean() < LINE_COVER:
        return None
    middles = (np.arange(strips) + 0.5) * STRIP
    bend = rows - np.polyval(np.polyfit(middles, rows, 1), middles)
    if float(np.sqrt((bend**2).mean())) > max(LEAST_BEND, MOST_BEND * width):
        return None  # the bow of a zero, not a line
    path = np.round(np.interp(np.arange(width), middles, rows)).astype(np.intp)
    starts, ends = _runs(mask, path)
    thickness = float(np.quantile((ends - starts)[ends > starts], 0.35))
    return path if thickness <= max(3.0, thickest) else None


def _runs(mask: Mask, path: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], ...]:
    """The first and last row of the ink through `path` in each column; equal where none is."""
    height, width = mask.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    near = [np.clip(path + step, 0, height - 1) for step in (0, -1, 1)]
    inked = np.stack([mask[row, columns] for row in near])
    first = inked.argmax(0)
    row = np.choose(first, near)
    empty = ~mask
    start = np.where(empty & (rows < row), rows + 1, 0).max(0)
    end = np.where(empty & (rows > row), rows, height).min(0)
    none = ~inked.any(0)
    return np.where(none, path, start), np.where(none, path, end)


def _without_path(mask: Mask, path: npt.NDArray[np.intp]) -> Mask:
    """The line along the path taken away, but not the strokes that cross it."""
    height, _ = mask.shape
    starts, ends = _runs(mask, path)
    lengths = ends - starts
    thickness = float(np.quantile(lengths[lengths > 0], 0.35))
    rows = np.arange(height)[:, None]
    thin = lengths <= CROSSED * thickness + 1
    # The line's own course, from the columns in which it stands alone.
    columns = np.arange(len(path))
    alone = thin & (lengths > 0)
    middle = (starts + ends - 1) / 2
    course = np.interp(columns, columns[alone], middle[alone]) if alone.any() else path
    half = thickness / 2 + 1
    band = (rows >= course - half) & (rows <= course + half)
    own = np.where(thin, (rows >= starts) & (rows < ends), band)
    reach = np.ones(2 * round(thickness) + 1)
    edge = (rows >= course - half - 2) & (rows < course - half) & mask & ~own
    above = ndimage.binary_dilation(edge.any(0), reach)
    edge = (rows <= course + half + 2) & (rows > course + half) & mask & ~own
    below = ndimage.binary_dilation(edge.any(0), reach)
    return mask & ~(own & ~(above & below))


def _within_frame(own: Mask, usual: float) -> Mask:
    """The rest of a frame or grid once its lines are gone: digits that touch it."""
    height, width = own.shape
    thickest = FRAME_THICKEST * min(height, width)
    level, rows = strip_lines(own, MOST_LINES, thickest)
    upright, columns = strip_lines(np.ascontiguousarray(level.T), MOST_LINES, thickest)
    rest = upright.T
    if rows + columns < 2:
        return np.zeros_like(own)  # a ring
    rest = _without_crumbs(np.ascontiguousarray(rest), 0.5 * usual)
    labels, _ = ndimage.label(rest, ALL_AROUND)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        size = _size(place)
        if size[0] > 0.8 * height or size[1] > 0.8 * width or size[0] > 2.5 * usual:
            rest[labels == number] = False
    return rest


def _without_crumbs(mask: Mask, least: float) -> Mask:
    """Without marks lower than `least` pixels: what a line leaves where it was crossed."""
    labels, count = ndimage.label(ndimage.binary_dilation(mask, ALL_AROUND), ALL_AROUND)
    kept = np.zeros(count + 1, np.bool_)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        kept[number] = _size(place)[0] - 2 >= least
    return mask & kept[labels]


def _labelled(mask: Mask) -> tuple[npt.NDArray[np.int32], list[Slices]]:
    labels = label_marks(mask, MOST_LABELS)
    return labels, ndimage.find_objects(labels)


def _marks(
    mask: Mask, labels: npt.NDArray[np.int32] | None = None, places: list[Slices] | None = None
) -> Iterator[tuple[int, Mask, Slices]]:
    """Number, pixels and place of the largest marks that hang together; dust is left out."""
    if labels is None or places is None:
        labels, places = _labelled(mask)
    least = DUST * max(mask.shape)
    large = [n for n, place in enumerate(places, 1) if max(_size(place)) >= least]
    large.sort(key=lambda n: -max(_size(places[n - 1])))
    for number in large[:MOST_MARKS]:
        place = places[number - 1]
        yield number, labels[place] == number, place


def _size(place: Slices) -> tuple[int, int]:
    rows, columns = place
    return rows.stop - rows.start, columns.stop - columns.start


def _usual_height(mask: Mask) -> float:
    """The height of a digit in pixels: the median of the marks that may be one.

    Flat marks are lines. Two marks one right above the other are a stroke that is torn.
    """
    _, places = _labelled(mask)
    largest = max((_size(place)[0] for place in places), default=0)
    spans: list[list[int]] = []  # left, right, top, bottom
    for rows, columns in sorted(places, key=lambda place: place[0].start):
        if rows.stop - rows.start < largest / 4 or columns.stop - columns.start >= 4 * (
            rows.stop - rows.start
        ):
            continue
        for span in spans:
            across = min(span[1], columns.stop) - max(span[0], columns.start)
            narrower = min(span[1] - span[0], columns.stop - columns.start)
            near = rows.start - span[3] <= TORN * (rows.stop - span[2])
            if across >= narrower / 2 and near:
                span[:2] = min(span[0], columns.start), max(span[1], columns.stop)
                span[3] = max(span[3], rows.stop)
                break
        else:
            spans.append([columns.start, columns.stop, rows.start, rows.stop])
    return float(np.median([span[3] - span[2] for span in spans])) if spans else float(largest)


def _is_flat(own: Mask, usual: float) -> bool:
    """A line by itself: long, and nowhere thick."""
    height, width = own.shape
    lengths = own.sum(0)
    return width > 4 * np.median(lengths) and (
        height < 0.22 * width and float(np.quantile(lengths, 0.9)) < 0.4 * usual
    )


def _inner_heights(
    labels: npt.NDArray[np.int32], number: int, own: Mask, place: Slices
) -> list[int]:
    """Heights of the marks that a mark encloses, dust and dots left out."""
    filled = ndimage.binary_fill_holes(own)
    within = np.where(filled, labels[place], 0)
    numbers, counts = np.unique(within[(within > 0) & (within != number)], return_counts=True)
    heights = []
    for inner, count in zip(numbers, counts, strict=True):
        rows = np.flatnonzero((within == inner).any(1))
        height = int(rows[-1] - rows[0]) + 1
        if height >= max(8, DUST * max(labels.shape)) and count >= 12:
            heights.append(height)
    largest = max(heights, default=0)
    return [height for height in heights if height >= 0.4 * largest]


def _is_slashed_zero(
    labels: npt.NDArray[np.int32], number: int, own: Mask, place: Slices, inner: list[int]
) -> bool:
    """A zero with a dot or an unattached slash in it, and no ring around a digit."""
    height, width = own.shape
    if max(inner) < 0.3 * height and max(height, width) < 0.35 * max(labels.shape):
        return len(inner) == 1  # a dot
    if len(inner) > 1:
        return False
    filled = ndimage.binary_fill_holes(own)
    within = (labels[place] > 0) & (labels[place] != number) & filled
    y, x = np.nonzero(within)
    if len(x) < 8:
        return True
    # A straight stroke from below left to above right.
    spread = np.linalg.svd(np.stack([x - x.mean(), y - y.mean()]), full_matrices=False)
    (dx, dy), values = spread[0][:, 0], spread[1]
    slanted = dx * dy < 0 and abs(dx) > 0.3
    return bool(values[1] < 0.25 * values[0] and slanted and width < 1.2 * height)


def _is_box(own: Mask) -> bool:
    """Four straight sides and nothing between them."""
    height, width = own.shape
    if min(height, width) < 12 or own.mean() > 0.5:
        return False
    margin = 0.14
    y, x = np.nonzero(own)
    near = (
        (y < margin * height) | (y >= (1 - margin) * height)
        | (x < margin * width) | (x >= (1 - margin) * width)
    )  # fmt: skip
    rows, columns = round(margin * height), round(margin * width)
    corners = [
        own[:rows, :columns].any(), own[:rows, -columns:].any(),
        own[-rows:, :columns].any(), own[-rows:, -columns:].any(),
    ]  # fmt: skip
    sides = [
        own[:rows].any(0),
        own[-rows:].any(0),
        own[:, :columns].any(1),
        own[:, -columns:].any(1),
    ]
    straight = all(float(side.mean()) > 0.9 for side in sides)
    return bool(near.mean() > 0.93 and sum(corners) >= 3 and straight)


def _is_grid(own: Mask) -> bool:
    """At least three level and three upright lines, or joined cells in a row."""
    thickest = FRAME_THICKEST * min(own.shape)
    _, rows = strip_lines(own, 4, thickest)
    if rows < 2:
        return False
    _, columns = strip_lines(np.ascontiguousarray(own.T), 4, thickest)
    return rows + columns >= 5
