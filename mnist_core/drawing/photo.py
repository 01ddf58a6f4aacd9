"""From a photo of handwriting on paper to its digits, in the order in which one reads them.

    file ─► picture ─► contrast ─► without ruled lines ─► marks ─► digits ─► 28×28 each

Light on paper is uneven: ink is what is darker than the paper around it (or lighter, on a
blackboard), as a share of the paper's own brightness, so that a shadow makes no difference.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage

from mnist_core.drawing.preprocessing import SIDE, Steps, flatten_transparency, prepare

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

MAX_BYTES = 10_000_000
# JPEG is reduced while it is unpacked; other formats have to be unpacked whole.
MAX_PIXELS, MAX_PIXELS_WHOLE = 60_000_000, 50_000_000
FORMATS = ("PNG", "JPEG", "HEIF")
# The longer side of what is worked on; a digit in a row of ten still has some 80 pixels.
WORKING_SIDE = 1000
# What is dark and narrower than this share of the longer side is no part of the paper.
PAPER_WINDOW = 1 / 8
PAPER_SIDE = 150
PAPER_PIXELS, EDGE_PIXELS = round(PAPER_WINDOW * PAPER_SIDE), 7
# For telling ink from ground: the neighbourhood, and the most that a pixel counts (log of light),
# so that the corners of a sheet on a dark table weigh little beside the writing.
GROUND_PIXELS, MOST_DIFFERENT = 11, 0.4
# Least share by which ink is darker than its paper.
LEAST_CONTRAST = 0.14
# Least height of a digit, as a share of the picture's longer side.
LEAST_SIZE = 0.025
MAX_DIGITS = 40


class PhotoError(ValueError):
    """The file cannot be used; the message is a sentence for the person."""


@dataclass(frozen=True)
class Box:
    """Where a digit stands in the picture, in its pixels; `right` and `bottom` not included."""

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


@dataclass(frozen=True, eq=False)
class PhotoDigit:
    """A digit that was found: its place, and its way to 28×28 as for a drawing."""

    box: Box
    steps: Steps


@dataclass(frozen=True, eq=False)
class Photo:
    """The picture, uint8 [H, W, 3], and its digits line by line from left to right."""

    picture: npt.NDArray[np.uint8]
    digits: tuple[PhotoDigit, ...]


def read_photo(data: bytes) -> Photo:
    """Find the digits in a PNG, JPEG or HEIC file. Raises PhotoError, one sentence."""
    picture = open_picture(data)
    contrast = ink_contrast(picture)
    digits = []
    for marks in find_digits(ink_mask(contrast)):
        box = _box(marks)
        steps = prepare(_cut_out(contrast, marks, box))
        if not steps.blank:
            digits.append(PhotoDigit(box, steps))
    return Photo(picture, tuple(digits))


def open_picture(data: bytes) -> npt.NDArray[np.uint8]:
    """The file as uint8 [H, W, 3], upright, at most WORKING_SIDE pixels long.

    A file's size in pixels is looked at before it is unpacked. Raises PhotoError.
    """
    if len(data) > MAX_BYTES:
        raise PhotoError(f"The file has {len(data) / 1e6:.0f} MB; up to 10 MB can be read.")
    _know_formats()
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            return _unpacked(image)
    except PhotoError:
        raise
    except Image.DecompressionBombError:
        raise PhotoError(_too_many_pixels(MAX_PIXELS)) from None
    except UnidentifiedImageError:
        raise PhotoError("This is no picture in PNG, JPEG or HEIC format.") from None
    except Exception:  # decoders of damaged files raise whatever they come upon
        raise PhotoError("The picture is damaged; take or save it again.") from None


def _unpacked(image: Image.Image) -> npt.NDArray[np.uint8]:
    width, height = image.size
    most = MAX_PIXELS if image.format == "JPEG" else MAX_PIXELS_WHOLE
    if width * height > most:
        raise PhotoError(_too_many_pixels(most))
    if min(width, height) < SIDE:
        raise PhotoError(
            f"The picture has only {width} × {height} pixels; {SIDE} × {SIDE} are the least."
        )
    image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # JPEG: unpack no more than is needed
    if image.mode.startswith("I"):  # 16 bits a pixel, of which the upper eight are enough
        small = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    else:
        clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        small = image.convert("RGBA" if clear else "RGB")
    # Smaller first: to turn or to fill in all pixels takes several times their memory.
    small.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
    small.getexif().update(image.getexif())
    upright = ImageOps.exif_transpose(small)
    if upright.mode == "RGBA":
        return flatten_transparency(np.asarray(upright)).astype(np.uint8)
    return np.asarray(upright.convert("RGB"))


def _too_many_pixels(most: int) -> str:
    return f"The picture has more than {most // 1_000_000} million pixels; save it smaller."


def _know_formats() -> None:
    Image.preinit()  # Pillow knows PNG and JPEG only once something has asked for them
    try:
        from pillow_heif import register_heif_opener
    except ImportError:  # the app works without; such a file is then no known picture
        return
    register_heif_opener()


def _formats() -> tuple[str, ...]:
    return tuple(name for name in FORMATS if name in Image.OPEN)


def ink_contrast(picture: npt.NDArray[np.uint8]) -> FloatArray:
    """By what share each pixel is darker than the paper around it, float32 [H, W] in [0, 1].

    On a blackboard, where the ink is lighter, by how much it is lighter.
    """
    colours = ndimage.gaussian_filter(picture.astype(np.float32), (0.8, 0.8, 0))
    if _ink_is_lighter(colours.mean(2)):
        colours = 255 - colours
    paper = np.stack([_paper(colours[..., channel]) for channel in range(3)], axis=2)
    darker = ((paper - colours) / np.maximum(paper, 30)).max(2)
    contrast: FloatArray = np.clip(darker, 0, 1).astype(np.float32)
    return contrast


def _ink_is_lighter(grey: FloatArray) -> bool:
    """Whether light marks stand on a dark ground, as on a blackboard.

    Everywhere the ground fills more than half of the neighbourhood, so that it is the median
    there; a shadow's edge has as much above its median as below.
    """
    small = _small(grey)
    light = np.log(np.maximum(small, 8))
    differences = light - ndimage.median_filter(light, GROUND_PIXELS, mode="nearest")
    above = float(np.clip(differences, 0, MOST_DIFFERENT).sum())
    return above > 2 * float(np.clip(-differences, 0, MOST_DIFFERENT).sum())


def _small(channel: FloatArray) -> FloatArray:
    """Reduced until the longer side is PAPER_SIDE, which is enough to know the paper by."""
    height, width = channel.shape
    scale = PAPER_SIDE / max(height, width)
    size = max(4, round(width * scale)), max(4, round(height * scale))
    return np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BOX))


def _paper(channel: FloatArray) -> FloatArray:
    """The brightness of the paper at each pixel, with everything narrow and dark filled up.

    A morphological closing: strokes narrower than the window go, the edge of a shadow stays.
    At such an edge, and where the paper ends, the darker side counts, or the blur of this small
    picture would make a line of ink of it.
    """
    height, width = channel.shape
    closed = ndimage.grey_closing(_small(channel), (PAPER_PIXELS, PAPER_PIXELS), mode="nearest")
    closed = ndimage.minimum_filter(ndimage.gaussian_filter(closed, 1.0), EDGE_PIXELS)
    paper = Image.fromarray(closed).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(paper, np.float32)


def ink_mask(contrast: FloatArray) -> Mask:
    """Where there is ink: marks that are strong somewhere, as far as they are half as strong.

    Ruled lines go first: fainter than the pen, they would hang on to the digits they touch.
    """
    strong = max(LEAST_CONTRAST, 0.55 * _usual_ink(contrast))
    weak = without_ruled_lines(contrast > 0.6 * strong)
    marks, count = ndimage.label(weak, np.ones((3, 3)))
    kept = np.zeros(count + 1, np.bool_)
    kept[np.unique(marks[weak & (contrast > strong)])] = True
    kept[0] = False
    return kept[marks]


def _usual_ink(contrast: FloatArray) -> float:
    """The contrast of the darker half of all that stands out from the paper (by Otsu's split)."""
    counts, edges = np.histogram(contrast, 128, (0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
        spread = np.nan_to_num(below * above * gap**2)
    split = middles[int(spread.argmax())]
    ink = contrast[contrast > max(split, 0.08)]
    return float(np.median(ink)) if ink.size else 0.0


def without_ruled_lines(mask: Mask) -> Mask:
    """Without the lines of ruled or squared paper; where a stroke crosses one it stays whole."""
    return _without_level_lines(_without_level_lines(mask).T).T


# The slopes at which lines are looked for, first coarsely, then finely around the best; how
# much of the width a line covers at least; its thickness at most, as a share of the height.
COARSE, FINE = np.radians(np.arange(-5, 5.1, 0.5)), np.radians(np.arange(-0.4, 0.5, 0.1))
LINE_SHARE = 0.5
LINE_THICKNESS = 1 / 40


def _without_level_lines(mask: Mask) -> Mask:
    height = len(mask)

    def sharpness(angle: float) -> float:
        """How much of the width the three fullest rows cover once the picture is turned."""
        return float(np.sort(_sheared(mask, float(np.tan(angle))).mean(1))[-3:].mean())

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


def find_digits(mask: Mask) -> list[Mask]:
    """The marks of each digit, line by line from left to right; dust and smears are left out."""
    joined = ndimage.binary_dilation(mask, np.ones((3, 3)))
    labels, count = ndimage.label(joined, np.ones((3, 3)))
    if count == 0:
        return []
    labels = np.where(mask, labels, 0)
    boxes: dict[int, Box] = {}
    for index, found in enumerate(ndimage.find_objects(labels, count), 1):
        if found is not None:
            rows, columns = found
            boxes[index] = Box(columns.start, rows.start, columns.stop, rows.stop)
    groups = _grouped(labels, boxes)
    groups = [part for group in groups for part in _split(group)]
    lines = reading_lines([_box(group) for group in groups])
    return [groups[index] for line in lines for index in line][:MAX_DIGITS]


def _grouped(labels: npt.NDArray[np.int32], boxes: dict[int, Box]) -> list[Mask]:
    """Marks that belong to one digit, together: a five's bar, an open four, a seven's dash."""
    height, width = labels.shape
    sizes = {index: max(box.width, box.height) for index, box in boxes.items()}
    inked = np.bincount(labels.ravel(), minlength=max(boxes, default=0) + 1)

    def inside(box: Box) -> bool:
        return box.left > 0 and box.top > 0 and box.right < width and box.bottom < height

    # What runs over the edge is the end of the paper, a shadow or another thing, unless it is all.
    candidates = [index for index, box in boxes.items() if inside(box)] or list(boxes)
    usual = float(np.quantile([sizes[index] for index in candidates], 0.9))
    largest = max(inked[index] for index in candidates)
    marks = [i for i in candidates if sizes[i] >= 0.12 * usual and inked[i] >= 0.01 * largest]
    groups: list[list[int]] = []
    for index in sorted(marks, key=lambda index: -sizes[index]):
        own = [g for g in groups if any(_belong(boxes[index], boxes[i], usual) for i in g)]
        if own:
            max(own, key=lambda g: max(_across(boxes[index], boxes[i]) for i in g)).append(index)
        else:
            groups.append([index])
    least = max(0.4 * usual, LEAST_SIZE * max(height, width))
    shortest = LEAST_SIZE * max(height, width)  # lower is a dash, or the edge of something
    whole = [np.isin(labels, group) for group in groups if sizes[group[0]] >= least]
    return [group for group in whole if _box(group).height >= shortest]


def _across(one: Box, other: Box) -> int:
    """By how many pixels the two overlap from left to right; negative for a gap."""
    return min(one.right, other.right) - max(one.left, other.left)


def _belong(small: Box, large: Box, usual: float) -> bool:
    """Whether two marks are parts of one digit: one over, in or (when it is small) beside it."""
    across = _across(small, large)
    down = min(small.bottom, large.bottom) - max(small.top, large.top)
    if large.height > 2.5 * usual:
        return False
    if small.height < 0.45 * usual and min(across, down) > -0.15 * usual:
        return True
    part = max(small.height, small.width) < 0.75 * max(large.height, large.width)
    part = part or large.height < 0.45 * usual  # a five under its long bar
    over = across >= 0.5 * min(small.width, large.width) and down > -0.25 * usual
    return over and (part or down > 0)


def _split(group: Mask) -> list[Mask]:
    """A group much wider than high is digits that touch: cut where there is least ink.

    Digits that touch hang together by one stroke; a cut through two goes through a loop.
    """
    box = _box(group)
    if box.width < 1.45 * box.height:
        return [group]
    strokes = (np.diff(group.astype(np.int8), axis=0, prepend=0) > 0).sum(0)
    ink = group.sum(0)
    ways = [np.where(strokes > 1, len(group), ink)]
    if box.width > 2 * box.height:  # no single digit is as wide: they overlap
        ways.append(ink)
    counts = range(round(box.width / (0.8 * box.height)), 1, -1)
    for count, amounts in itertools.product(counts, ways):
        parts = _cut(group, box, count, amounts)
        if parts and all(part.any() and _box(part).height > 0.6 * box.height for part in parts):
            return parts
    return [group]  # a digit with a long tail is one all the same


def _cut(group: Mask, box: Box, count: int, amounts: npt.NDArray[np.int64]) -> list[Mask]:
    """The group in `count` parts of similar width; empty when there is no place to cut it."""
    cuts = [box.left]
    for number in range(1, count):
        middle = box.left + box.width * number / count
        reach = box.width / count / 3
        span = slice(max(cuts[-1] + 1, int(middle - reach)), int(middle + reach))
        cut = span.start + int(amounts[span].argmin())
        if amounts[cut] == len(group):
            return []
        cuts.append(cut)
    columns = np.arange(group.shape[1])
    edges = zip(cuts, [*cuts[1:], box.right], strict=True)
    return [group & (columns >= start) & (columns < end) for start, end in edges]


def _box(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


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


def _cut_out(contrast: FloatArray, marks: Mask, box: Box) -> npt.NDArray[np.uint8]:
    """One digit alone, dark on white paper, with a margin: a picture for `prepare`."""
    margin = 4 + max(box.width, box.height) // 6
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    own = ndimage.binary_dilation(marks[rows, columns], iterations=1)
    ink = np.where(own, contrast[rows, columns], 0)
    full = float(np.quantile(ink[marks[rows, columns]], 0.6))
    ink = np.pad(np.clip(ink / max(full, 1e-6), 0, 1), margin)
    return (255 - np.round(255 * ink)).astype(np.uint8)
