"""Images and labels of any usual form → uint8 [n, 28, 28] and classes, with what was assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnist_core.base.untrusted import FileRefused
from mnist_core.data.image_files import scaled
from mnist_core.data.parts import Array, natural
from mnist_core.experiment.shapes import INPUT_SHAPE

SIDE = INPUT_SHAPE[0]
LARGEST_SIDE = 512
# Rows that are worked on at a time: whole sets as floats would take gigabytes.
CHUNK = 4096
# Half of an image's edge lighter than this, in most images: dark ink on light paper.
LIGHT_PAPER, MOST = 170, 0.8
_GREY = np.array([0.299, 0.587, 0.114], np.float32)

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Form:
    """The changes made to each chunk of images, in this order."""

    steps: tuple[Callable[[Array], Array], ...]
    said: tuple[str, ...]


def as_images(arrays: Sequence[Array], counts: Sequence[int]) -> tuple[list[Bytes], list[str]]:
    """Grey images uint8 [n, 28, 28] of arrays of one form, and what was assumed of them.

    `counts` are how many images each has, where labels say it. Raises FileRefused.
    """
    forms = [_shaped(array, count) for array, count in zip(arrays, counts, strict=True)]
    said = list(dict.fromkeys(sentence for form in forms for sentence in form[1].said))
    whole = [array for array, _ in forms]
    scales: dict[bool, Callable[[Array], Bytes]] = {}
    for fractions in (False, True):  # whole numbers and fractions may have scales of their own
        alike = [array for array in whole if (array.dtype.kind == "f") == fractions]
        if alike:
            scales[fractions], words = _levels(alike)
            said += [words] if words else []
    sizes = {tuple(form.steps[-1](array[:1]).shape[1:]) if form.steps else array.shape[1:]
             for array, form in forms}  # fmt: skip
    for size in sorted(sizes):
        if size != (SIDE, SIDE):
            if max(size) > LARGEST_SIDE or min(size) < 4:
                raise FileRefused(
                    f"The images have {size[1]}×{size[0]} pixels; sizes from 4×4 to "
                    f"{LARGEST_SIDE}×{LARGEST_SIDE} are read."
                )
            said.append(f"Images were scaled from {size[1]}×{size[0]} to {SIDE}×{SIDE} pixels.")
    converted = [_converted(array, form, scales[array.dtype.kind == "f"]) for array, form in forms]
    return converted, list(dict.fromkeys(said))


def _converted(array: Array, form: _Form, scale: Callable[[Array], Bytes]) -> Bytes:
    found = np.zeros((len(array), SIDE, SIDE), np.uint8)
    for at in range(0, len(array), CHUNK):
        part = array[at : at + CHUNK]
        for step in form.steps:
            part = step(part)
        grey = scale(part)
        if grey.shape[1:] != (SIDE, SIDE):
            grey = np.stack([np.asarray(_fitted(Image.fromarray(image))) for image in grey])
        found[at : at + CHUNK] = grey
    return found


def _fitted(image: Image.Image) -> Image.Image:
    """The image scaled to 28×28; one that is not square is put in the middle of its paper."""
    if image.width == image.height:
        return scaled(image, SIDE, SIDE)
    longer = max(image.size)
    paper = int(np.median(np.asarray(image)[[0, -1]]))
    whole = Image.new("L", (longer, longer), paper)
    whole.paste(image, ((longer - image.width) // 2, (longer - image.height) // 2))
    return scaled(whole, SIDE, SIDE)


# --- shapes --------------------------------------------------------------------------------------


def _shaped(array: Array, count: int) -> tuple[Array, _Form]:
    """The array with its images along the first axis, and how each becomes [height, width]."""
    if array.dtype.kind not in "buif":
        raise FileRefused("The images are not numbers.")
    if array.ndim == 2:
        return _rows(array, count)
    said: tuple[str, ...] = ()
    if array.ndim in (3, 4) and len(array) != count and array.shape[-1] == count:
        array = np.moveaxis(array, -1, 0)
        said = ("The images are along the last axis.",)
    if array.ndim == 3:
        return array, _Form((), said)
    if array.ndim == 4 and array.shape[3] in (1, 2, 3, 4):
        return array, _colours(array.shape[3], said, lambda part: part)
    if array.ndim == 4 and array.shape[1] in (1, 2, 3, 4):
        return array, _colours(array.shape[1], said, lambda part: np.moveaxis(part, 1, -1))
    shape = "×".join(map(str, array.shape))
    raise FileRefused(
        f"The images have shape {shape}; expected n×{SIDE}×{SIDE}, n×{SIDE * SIDE}, or with a "
        "last axis of 1 or 3 colours."
    )


def _rows(array: Array, count: int) -> tuple[Array, _Form]:
    """Images as rows of pixels; as columns where the labels say so."""
    said = []
    if len(array) != count and array.shape[1] == count:
        array = array.T
        said.append("Each column was read as one image.")
    pixels = array.shape[1]
    side = round(pixels**0.5)
    if side * side == pixels:
        said += [] if side == SIDE else [f"Rows of {pixels} numbers are images of {side}×{side}."]
        return array, _Form((lambda part: part.reshape(-1, side, side),), tuple(said))
    side = round((pixels / 3) ** 0.5)
    if pixels == 3 * side * side:  # as CIFAR: all reds, all greens, all blues
        form = _colours(3, tuple(said), lambda part: np.moveaxis(
            part.reshape(-1, 3, side, side), 1, -1))  # fmt: skip
        return array, form
    raise FileRefused(
        f"Each image has {pixels:,} numbers, which is not a square; {SIDE}×{SIDE} pixels are "
        f"{SIDE * SIDE}."
    )


def _colours(count: int, said: tuple[str, ...], arrange: Callable[[Array], Array]) -> _Form:
    def grey(part: Array) -> Array:
        part = arrange(part)
        if count <= 2:  # grey, and maybe how opaque it is
            return part[..., 0]
        return part[..., :3].astype(np.float32) @ _GREY

    return _Form((grey,), said if count == 1 else (*said, "Colours were converted to grey."))


# --- values --------------------------------------------------------------------------------------


def _levels(arrays: Sequence[Array]) -> tuple[Callable[[Array], Bytes], str]:
    """The mapping of all arrays' values to 0 to 255, and the words for it."""
    if all(array.dtype == np.bool_ for array in arrays):
        return (
            lambda part: part.astype(np.uint8) * np.uint8(255),
            "Black and white became 0 and 255.",
        )
    low = min(float(array.min(initial=0)) for array in arrays)
    high = max(float(array.max(initial=0)) for array in arrays)
    if not np.isfinite([low, high]).all():
        raise FileRefused("The images hold values that are infinite or not numbers.")
    if high == low:
        raise FileRefused("All pixels of all images have the same value.")
    whole = all(array.dtype.kind in "uib" for array in arrays) or all(
        _whole(array) for array in arrays
    )
    bottom, top, words = _range(low, high, whole)
    if (bottom, top) == (0.0, 255.0):
        return lambda part: np.asarray(np.rint(part), np.uint8), words
    factor = 255 / (top - bottom)
    return (
        lambda part: (
            np.rint((part.astype(np.float32) - np.float32(bottom)) * np.float32(factor))
            .clip(0, 255)
            .astype(np.uint8)
        )
    ), words


def _range(low: float, high: float, whole: bool) -> tuple[float, float, str]:
    """The values of black and white: (lowest, highest, the words for it)."""
    if low >= 0 and high <= 1:
        words = "Pixels of 0 and 1 became 0 and 255." if whole else ""
        return 0.0, 1.0, words
    if low >= 0 and high <= 255 and not (whole and high <= 16):
        return 0.0, 255.0, ""
    if low >= 0 and whole and high <= 16:
        return 0.0, high, f"Pixels from 0 to {high:g} became 0 to 255."
    if low >= 0 and high <= 65_535:
        top = 65_535.0 if high > 4_095 else 4_095.0 if high > 1_023 else high
        return 0.0, top, f"Pixels from 0 to {top:,.0f} became 0 to 255."
    if -1 <= low < -0.5 and high <= 1:
        return -1.0, 1.0, "Pixels from −1 to 1 became 0 to 255."
    if -0.5 <= low < 0 and high <= 0.5:
        return -0.5, 0.5, "Pixels from −0.5 to 0.5 became 0 to 255."
    words = f"Pixels from {low:.3g} to {high:.3g} became 0 to 255.".replace("-", "−")
    return low, high, words


def _whole(array: Array) -> bool:
    some = array[:: max(1, len(array) // 500)]
    return array.dtype.kind != "f" or bool((some == np.rint(some)).all())


# --- light and dark, turned ----------------------------------------------------------------------


def on_light_paper(images: Bytes) -> bool:
    """True when most images have light edges: MNIST's ink is light on black."""
    some = images[:: max(1, len(images) // 500)]
    edges = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1)
    return float((np.median(edges, axis=1) > LIGHT_PAPER).mean()) >= MOST


def turned(images: Bytes) -> Bytes:
    """Rows and columns exchanged, as EMNIST's images lie."""
    return np.ascontiguousarray(images.swapaxes(1, 2))


def lie_turned(images: Bytes, digits: Array, averages: npt.NDArray[np.float32]) -> bool:
    """True when digits are read better with rows and columns exchanged.

    `averages` [10, 28, 28] are those of MNIST's digits: the nearest by correlation counts.
    """
    some = slice(None, None, max(1, len(images) // 1000))
    here, labels = images[some].astype(np.float32), digits[some]
    known = averages.reshape(10, -1)
    known = known - known.mean(1, keepdims=True)
    known /= np.linalg.norm(known, axis=1, keepdims=True)

    def right(shown: Array) -> float:
        rows = shown.reshape(len(shown), -1)
        rows = rows - rows.mean(1, keepdims=True)
        return float(((rows @ known.T).argmax(1) == labels).mean())

    upright, exchanged = right(here), right(here.swapaxes(1, 2))
    return exchanged > max(upright + 0.15, 0.4)


# --- labels --------------------------------------------------------------------------------------


def as_labels(array: Array, classes: int) -> tuple[Array, list[str]]:
    """One value an image, whole numbers or texts, and what was assumed. Raises FileRefused.

    `classes` is the most that there may be.
    """
    said: list[str] = []
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim == 2 and array.shape[1] <= classes and array.dtype.kind in "buif":
        rows = array.astype(np.float64)
        sure = np.isclose(rows.max(1), 1) & np.isclose(np.abs(rows).sum(1), 1)
        if not sure.all():
            raise FileRefused(
                "The labels are rows of numbers, but not one-hot: each row must hold a single 1."
            )
        said.append("Labels were one-hot: the position of the 1 is the class.")
        array = rows.argmax(1)
    if array.ndim != 1:
        shape = "×".join(map(str, array.shape))
        raise FileRefused(f"The labels have shape {shape}; expected one per image or one-hot rows.")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.rint(array)).any():
            raise FileRefused("The labels must be whole numbers or text, one class per image.")
        array = array.astype(np.int64) if np.abs(array).max(initial=0) < 2**53 else array
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind in "bui" and int(array.max(initial=0)) < 2**62:
        return array.astype(np.int64), said
    if array.dtype.kind == "U":
        return array, said
    raise FileRefused("The labels must be whole numbers or text, one class per image.")


def classes_of(labels: Sequence[Array]) -> list[str]:
    """All labels that occur, in the order in which people count."""
    if all(array.dtype.kind == "i" for array in labels):
        return [str(value) for value in np.unique(np.concatenate(labels)).tolist()]
    return natural({str(value) for array in labels for value in np.unique(array).tolist()})


def numbered(labels: Array, classes: Sequence[str]) -> Bytes:
    """Labels as the places of their names in `classes`."""
    values, places = np.unique(labels, return_inverse=True)
    known = {name: place for place, name in enumerate(classes)}
    return np.array([known[str(value)] for value in values.tolist()], np.uint8)[places.ravel()]
