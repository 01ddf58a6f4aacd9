"""The steps from a drawing or a photo to the 28×28 image that MNIST's authors would have made.

MNIST's digits were cut out, scaled with anti-aliasing until the longer side of their box was 20
pixels, and pasted into 28×28 so that their centre of mass is in the middle (LeCun, Bottou,
Bengio and Haffner, 1998). A network trained on them reads other pictures well only when these
went the same way; a canvas merely shrunk to 28×28 did not. Each step is one function here:

    picture ─► ink ─► crop ─► thickness ─► scale ─► centre ─► 28×28
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from mnist_core.drawing.transparency import flatten_transparency

FloatArray = npt.NDArray[np.float32]

SIDE = 28
BOX = 20
# Index of the pixel in which MNIST's images have their centre of mass: over all 60,000 it is
# spread evenly from 13.5 to 14.5, which is what rounding to whole pixels leaves.
MIDDLE = 14
# Strokes are brought into this range of widths, in pixels of the 20×20 box: a little above
# the middle of MNIST’s own: 5%, 50% and 95% of those lie below 1.5, 2.25 and 3.7.
THINNEST, THICKEST = 2.3, 2.8
# Strokes at least this wide, in pixels, outlast the reduction to BOX_SIDE.
LEAST_WIDTH = 2.0
# Pictures are reduced to this side before anything else, boxes brought to this one before
# their strokes are measured: six pixels for one of MNIST's.
WORKING_SIDE, BOX_SIDE = 1024, 120
# Half the width, in pixels of BOX_SIDE, of the line that is left of a stroke too thin to thin.
MIDDLE_LINE = 2.0
# Least difference (of 255) between ink and paper; below it a picture counts as blank.
LEAST_CONTRAST = 24.0
# Ink above this belongs to the digit's box.
BOX_INK = 0.1


@dataclass(frozen=True)
class Preprocessing:
    """The steps that are taken. All off is what a plain resize to 28×28 does.

    `crop`: take away the empty paper around the digit. `thickness`: bring the strokes to the
    width MNIST's have. `scale`: make the longer side 20 pixels; off, the picture's longer side
    becomes 28. `centre`: put the centre of mass in the middle; off, the middle of the box.
    """

    crop: bool = True
    thickness: bool = True
    scale: bool = True
    centre: bool = True


@dataclass(frozen=True, eq=False)
class Steps:
    """The result of each step on a picture: float32 images in [0, 1], 0 paper and 1 full ink.

    `ink` [H, W], `cropped`, `thickened` and `scaled` of varying size, `image28` [28, 28].
    `blank` is True when the picture holds no ink; then all images are empty paper.
    """

    ink: FloatArray
    cropped: FloatArray
    thickened: FloatArray
    scaled: FloatArray
    image28: FloatArray
    blank: bool = False


def prepare(image: npt.ArrayLike, preprocessing: Preprocessing | None = None) -> Steps:
    """Every step from a picture (as in `read_drawing`) to its 28×28 image.

    Raises ValueError for another shape or type.
    """
    taken = preprocessing or Preprocessing()
    ink = extract_ink(check_picture(image))
    if not ink.any():
        empty = np.zeros((SIDE, SIDE), np.float32)
        return Steps(ink, ink, ink, empty, empty, blank=True)
    # Pixels of the picture for one of the 28: what a step that is off leaves as it is.
    unit = max(ink.shape) / SIDE
    cropped = crop_to_ink(ink) if taken.crop else pad_square(ink)
    thickened = cropped
    if taken.thickness:
        if taken.crop:
            cropped = widen_hairlines(cropped)
        finer = resize(cropped, BOX_SIDE * (1 if taken.crop else 2))
        ratio = max(finer.shape) / max(cropped.shape)
        goal = BOX if taken.scale else max(cropped.shape) / unit
        changed = match_thickness(finer, goal, grow=taken.crop, rescaled=taken.scale)
        if changed is not finer:
            thickened, unit = changed, unit * ratio
    scaled = resize(thickened, BOX if taken.scale else max(thickened.shape) / unit)
    image28 = place(scaled, taken.centre)
    return Steps(ink, cropped, thickened, scaled, image28)


def check_picture(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """The picture as an array; ValueError says what was received when it is not one."""
    array = np.asarray(image)
    expected = "expected uint8 of shape [H, W], [H, W, 3] or [H, W, 4]."
    received = f"The image is {array.dtype} of shape {list(array.shape)}; {expected}"
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise ValueError(received)
    if array.size == 0 or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(received)
    return array


def extract_ink(image: npt.NDArray[np.uint8]) -> FloatArray:
    """The ink in each pixel, float32 [H, W] in [0, 1]; all 0 for a blank picture.

    Ink is what differs from the paper, in any colour channel, whichever of them is lighter.
    """
    colours = flatten_transparency(limit_side(image))
    paper = estimate_paper(colours)
    contrast = np.abs(colours - paper).max(axis=2)
    rim = border(contrast)
    usual = np.median(rim)
    noise = 2.0 * np.quantile(rim[rim <= 4 * usual + 4], 0.99)
    darkest = float(contrast.max())
    if darkest < max(LEAST_CONTRAST, 2 * noise):
        return np.zeros(contrast.shape, np.float32)
    full = np.quantile(contrast[contrast > darkest / 2], 0.75)
    ink = np.clip((contrast - noise) / (full - noise), 0.0, 1.0).astype(np.float32)
    return remove_specks(ink)


def limit_side(image: npt.NDArray[np.uint8], side: int = WORKING_SIDE) -> npt.NDArray[np.uint8]:
    """The picture, reduced by averaging when a side is longer than `side`."""
    factor = math.ceil(max(image.shape[:2]) / side)
    return image if factor == 1 else np.asarray(Image.fromarray(image).reduce(factor))


def border(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The pixels of the outermost fiftieth of an image, [n, ...]."""
    height, width = image.shape[:2]
    edge = np.ones((height, width), np.bool_)
    depth = max(1, round(max(height, width) / 50))
    edge[depth : height - depth, depth : width - depth] = False
    return image[edge]


def estimate_paper(colours: FloatArray) -> FloatArray:
    """The paper's colour at each pixel, broadcastable to `colours`, judged from the border.

    Even paper: the border's median. Uneven light: a plane through the border's colours, fitted
    again without the pixels that lie far off it, where strokes leave the picture.
    """
    rim = border(colours)
    middle = np.median(rim, axis=0)
    if np.quantile(np.abs(rim - middle).max(axis=1), 0.75) < 2:
        return middle.astype(np.float32)
    height, width = colours.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    plane = np.stack([np.ones_like(x), x, y], axis=2)
    points = border(plane)
    off = np.abs(rim - middle).max(axis=1)
    for _ in range(4):
        kept = off <= max(2.0, 2.5 * float(np.median(off)))
        fit = np.linalg.lstsq(points[kept], rim[kept], rcond=None)[0]
        off = np.abs(rim - points @ fit).max(axis=1)
    return (plane @ fit).astype(np.float32)


def remove_specks(ink: FloatArray) -> FloatArray:
    """Without the separate marks that hold less than 0.3% of all ink: dust and noise."""
    marks, count = ndimage.label(ink > BOX_INK, np.ones((3, 3)))
    if count < 2:
        return ink
    amounts = np.bincount(marks.ravel(), ink.ravel())
    small = amounts < 0.003 * amounts[1:].sum()
    small[0] = False
    return np.where(small[marks], np.float32(0), ink) if small.any() else ink


def crop_to_ink(ink: FloatArray) -> FloatArray:
    """The smallest box that holds the ink."""
    holds = ink > BOX_INK
    rows, columns = np.flatnonzero(holds.any(1)), np.flatnonzero(holds.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def pad_square(ink: FloatArray) -> FloatArray:
    """The whole picture, made square with empty paper on both sides of the shorter one."""
    longer = max(ink.shape)
    margins = [((longer - size) // 2, (longer - size + 1) // 2) for size in ink.shape]
    return np.pad(ink, margins)


def resize(ink: FloatArray, longer: float) -> FloatArray:
    """Scaled with anti-aliasing, keeping its aspect, until its longer side is `longer` pixels."""
    factor = longer / max(ink.shape)
    height, width = (max(1, round(size * factor)) for size in ink.shape)
    if (height, width) == ink.shape:
        return ink
    scaled = Image.fromarray(ink).resize((width, height), Image.Resampling.BOX)
    return np.clip(np.asarray(scaled), 0.0, 1.0)


def stroke_width(ink: FloatArray) -> float:
    """The usual width of the strokes, in pixels.

    Across a stroke of width w the distance to its edge is spread evenly from 0 to w / 2, so
    that the smaller three quarters average 3 w / 16. The deepest quarter is left out, for it
    lies mostly where strokes run into one another.
    """
    inside = ink > 0.5
    if not inside.any():
        return 1.0
    depths = ndimage.distance_transform_edt(inside)[inside] - 0.5  # from a pixel's middle
    shallow = np.partition(depths, len(depths) * 3 // 4)[: len(depths) * 3 // 4 + 1]
    return max(1.0, 16 / 3 * float(shallow.mean()))


def match_thickness(ink: FloatArray, goal: float, *, grow: bool, rescaled: bool) -> FloatArray:
    """Strokes as wide as MNIST's once the image's longer side is `goal` pixels.

    The outline moves in or out by the same distance everywhere. With `grow` the box follows
    it, and when it is `rescaled` afterwards that shrinks the strokes again, which is allowed
    for. Strokes within MNIST's own range stay as they are (the same array is returned).
    """
    if not (ink > 0.5).any():  # grey all over, as a blurred shadow: there is no stroke
        return ink
    longer = max(ink.shape)
    width = stroke_width(ink)
    found = width * goal / longer
    wanted = min(max(found, THINNEST), THICKEST)
    if wanted == found:
        return ink
    if grow and rescaled:
        new = wanted * max(longer - width, 1.0) / (goal - wanted)
    else:
        new = wanted * longer / goal
    changed = move_outline(ink, (new - width) / 2, grow)
    if not (changed > BOX_INK).any():
        return ink
    return crop_to_ink(changed) if grow else changed


def widen_hairlines(ink: FloatArray) -> FloatArray:
    """Lines so thin that they would fade when the box is reduced to BOX_SIDE, made to last."""
    least = LEAST_WIDTH * max(ink.shape) / BOX_SIDE
    if least <= LEAST_WIDTH or (width := stroke_width(ink)) >= least:
        return ink
    return crop_to_ink(move_outline(ink, (least - width) / 2, grow=True))


def move_outline(ink: FloatArray, distance: float, grow: bool) -> FloatArray:
    """Strokes widened by `distance` pixels on each side, or thinned when it is negative.

    With `grow` the image grows by what widened strokes need. Where a stroke is too thin to be
    thinned, the line along its middle stays, so that no stroke breaks.
    """
    if distance > 0:
        padded = np.pad(ink, math.ceil(distance) + 1) if grow else ink
        outside = ndimage.distance_transform_edt(padded <= 0.5)
        return np.clip(distance + 1.0 - outside, 0.0, 1.0).astype(np.float32)
    inside = ndimage.distance_transform_edt(np.pad(ink > 0.5, 1))[1:-1, 1:-1]
    thinned = np.clip(inside + distance, 0.0, 1.0)
    middle = inside >= ndimage.maximum_filter(inside, 3) - 1e-6
    lost = middle & (inside > 1.5) & (inside < MIDDLE_LINE - distance)
    if lost.any():
        line = MIDDLE_LINE + 0.5 - ndimage.distance_transform_edt(~lost)
        thinned = np.maximum(thinned, np.clip(np.minimum(line, inside), 0.0, 1.0))
    return thinned.astype(np.float32)


def place(scaled: FloatArray, centre: bool = True) -> FloatArray:
    """Pasted into 28×28: centre of mass in the middle, else the middle of the box.

    Whole pixels only, as in MNIST, and never over the edge unless the image is larger.
    """
    image28 = np.zeros((SIDE, SIDE), np.float32)
    slices = []
    for axis, size in enumerate(scaled.shape):
        start = (SIDE - size) // 2
        if centre:
            amounts = scaled.sum(axis=1 - axis, dtype=np.float64)
            start = MIDDLE - round(float(amounts @ np.arange(size) / amounts.sum()))
        if size <= SIDE:
            start = min(max(start, 0), SIDE - size)
        slices.append(
            (
                slice(max(start, 0), min(start + size, SIDE)),
                slice(max(-start, 0), min(SIDE - start, size)),
            )
        )
    (rows, from_rows), (columns, from_columns) = slices
    image28[rows, columns] = scaled[from_rows, from_columns]
    return image28
