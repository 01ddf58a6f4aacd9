"""The ink of a photo, a scan or a screenshot, pixel by pixel.

Light on paper is uneven: in a photo, ink is what is darker than the paper around it (or lighter, on
a blackboard), as a share of the paper's own brightness, so that a shadow makes no difference. A
picture from a screen has one colour as its paper: there ink is whatever differs from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from mnist_core.drawing.preprocessing import border
from mnist_core.drawing.ruled_lines import without_other_lines, without_ruled_lines
from mnist_core.drawing.segment import Group

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]

# Pictures are enlarged until their sides have these lengths: strokes of a few pixels have no shape.
LONGER_SIDE, SHORTER_SIDE, MOST_ENLARGED = 300, 80, 12
# Even paper: at least this share of all pixels has its colour, give or take so much (of 255), and
# nothing that differs is thicker than this share of the shorter side.
EVEN_SHARE, EVEN_RANGE, MOST_THICKNESS, MOST_INK = 0.35, 12.0, 0.42, 0.5
# Least difference (of 255) between even paper and ink.
LEAST_DIFFERENCE = 24.0
# What is dark and narrower than this share of the longer side is no part of the paper.
PAPER_WINDOW = 1 / 8
PAPER_SIDE = 150
PAPER_PIXELS, EDGE_PIXELS = round(PAPER_WINDOW * PAPER_SIDE), 7
# For telling ink from ground: the neighbourhood, and the most that a pixel counts (log of light),
# so that the corners of a sheet on a dark table weigh little beside the writing.
GROUND_PIXELS, MOST_DIFFERENT = 11, 0.4
# Least share by which ink is darker than its paper.
LEAST_CONTRAST = 0.14
# Ink on even paper, as a share of the darkest.
EVEN_INK = 0.4


def enlarged(picture: Picture) -> tuple[Picture, int]:
    """A small picture uint8 [H, W, 3] made larger, and how many times.

    Between its pixels linearly: anything sharper draws thin lines along the edges of coarse ones.
    """
    height, width = picture.shape[:2]
    wanted = max(LONGER_SIDE / max(height, width), SHORTER_SIDE / min(height, width))
    times = int(np.clip(np.ceil(wanted), 1, MOST_ENLARGED))
    if times == 1 or times * max(height, width) > 10 * LONGER_SIDE:
        return picture, 1
    size = (times * width, times * height)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)), times


@dataclass(frozen=True, eq=False)
class Ink:
    """The ink of a picture.

    `amount` float32 [H, W] in [0, 1], how much each pixel holds; `mask` bool [H, W], which pixels
    count: lines and frames do not. `lined`: marks as they were before a line was taken out. `even`:
    the paper is even, as on a screen.
    """

    amount: FloatArray
    mask: Mask
    lined: list[Group]
    even: bool


def find_ink(picture: Picture) -> Ink:
    """The ink of a picture uint8 [H, W, 3]."""
    amount = even_paper_ink(picture)
    even = amount is not None
    if amount is None:
        amount = ink_contrast(picture)
    mask, lined = without_other_lines(amount > EVEN_INK if even else ink_mask(amount))
    return Ink(amount, mask, lined, even)


def even_paper_ink(picture: Picture) -> FloatArray | None:
    """The ink on paper of one colour; None where paper or ink is none such.

    The paper's colour is that of most pixels at the border, else that of most others. What is
    thicker than a stroke (a table beside the sheet, a shadow) shows that this is a photo.
    """
    colours = picture.astype(np.float32)
    paper = np.median(border(colours), axis=0)
    for _ in range(2):
        difference = np.abs(colours - paper).max(axis=2)
        near = difference <= EVEN_RANGE
        if near.all():
            return np.zeros(difference.shape, np.float32)
        if near.mean() >= EVEN_SHARE:
            ink = _as_ink(difference, near)
            if ink is None:
                return np.zeros(difference.shape, np.float32)
            ink = _within_tile(ink)
            if _is_thin(ink > EVEN_INK):
                return ink
        paper = np.median(colours[~near], axis=0)
    return None


def _as_ink(difference: FloatArray, near: Mask) -> FloatArray | None:
    darkest = float(difference.max())
    if darkest < LEAST_DIFFERENCE:
        return None
    noise = float(np.quantile(difference[near], 0.99))
    full = float(np.quantile(difference[difference > darkest / 2], 0.6))
    return np.clip((difference - noise) / max(full - noise, 1.0), 0, 1).astype(np.float32)


def _within_tile(ink: FloatArray) -> FloatArray:
    """Of a filled rectangle, as plotting libraries show an image: what is spared in it."""
    mask = ink > EVEN_INK
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tile = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    own = mask[tile]
    outline = np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]])
    if min(own.shape) == 1 or outline.mean() < 0.97 or own.mean() < 0.5:
        return ink
    spared = np.zeros_like(ink)
    spared[tile] = 1 - ink[tile]
    return spared


def _is_thin(mask: Mask) -> bool:
    """True for strokes: no more than paper, and nowhere nearly as thick as it is high."""
    if mask.mean() > MOST_INK:
        return False
    depth = float(ndimage.distance_transform_edt(np.pad(mask, 1)).max())
    return 2 * depth <= MOST_THICKNESS * min(mask.shape)


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
    """True when light marks stand on a dark ground, as on a blackboard.

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
    """The mask of ink: marks that are strong somewhere, as far as they are half as strong.

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
