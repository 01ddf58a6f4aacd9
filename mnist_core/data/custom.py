"""A data set of one's own from files: checked, brought into MNIST's form, named by its content.

Taken are an `.npz` with x_train, y_train, x_test and y_test (and, if one likes, class_names), and
the four IDX files in which MNIST and its relatives are published, as they are or packed by gzip.
Files come from anywhere: nothing is unpickled, and every size is known before memory is set aside.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.untrusted import (
    MAX_RATIO,
    MEGABYTE,
    RATIO_FROM,
    FileRefused,
    Limits,
    array_bytes,
    read_array,
    read_zip,
    readable,
)
from mnist_core.data.mnist import ByteArray, Dataset, DatasetError
from mnist_core.experiment.shapes import INPUT_SHAPE, MAX_CLASSES, MIN_CLASSES

# Images of a set, for training and for the test; Kuzushiji-49, the largest of MNIST's kind that
# has at most 50 classes, has 270,912.
MAX_IMAGES = 300_000
MIN_TRAIN, MIN_TEST, MIN_OF_A_CLASS = 20, 10, 2
LIMITS = Limits(file_bytes=150 * MEGABYTE, unpacked_bytes=320 * MEGABYTE, entries=12)
MAX_FILES = 4
MAX_TITLE, MAX_CLASS_NAME = 60, 24
PARTS = ("x_train", "y_train", "x_test", "y_test")
NAMES = "class_names"
SIDE = INPUT_SHAPE[0]
# Names stand in figures and tables: words and a little punctuation, nothing that could be markup.
_CLASS_NAME = re.compile(r"\w[\w .,'’+/()-]*")
_IMAGE_TYPES = ("u1", "<u2", "<u4", "<i2", "<i4", "<i8", "<f4", "<f8")
_LABEL_TYPES = ("u1", "i1", "<u2", "<u4", "<u8", "<i2", "<i4", "<i8")

# What the classes of two well-known relatives of MNIST are called; their files do not say it.
KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "Fashion-MNIST": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
        "Bag", "Ankle boot",
    ),
    "KMNIST": ("お", "き", "す", "つ", "な", "は", "ま", "や", "れ", "を"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class OwnSet:
    """A checked data set and the digest by which experiments name it.

    The digest is that of images and labels alone: what the classes are called may change.
    """

    digest: str
    dataset: Dataset


def read_files(files: Sequence[tuple[str, bytes]], most: int = MAX_IMAGES) -> OwnSet:
    """The data set in some files, given as (name, content), with at most so many images.

    Raises FileRefused, one sentence, for anything that is no such set.
    """
    if len(files) > MAX_FILES:
        raise FileRefused(f"These are {len(files)} files; a data set is in one, or in four.")
    found: dict[str, npt.NDArray[Any]] = {}
    for name, data in files:
        for part, array in _read_file(name, data).items():
            if part in found:
                raise FileRefused(f"Two of these files hold {_said(part)}; leave one of them out.")
            found[part] = array
    if missing := [part for part in PARTS if part not in found]:
        raise FileRefused(
            f"A data set needs {_listed(PARTS)}; {_listed(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing here."
        )
    return _checked(found, readable(_title(files))[:MAX_TITLE] or "My data", most)


def from_arrays(dataset: Dataset) -> OwnSet:
    """A data set that is in MNIST's form already, with its digest."""
    return OwnSet(digest_of(dataset), dataset)


def digest_of(dataset: Dataset) -> str:
    """The name of a set's content: the first half of the SHA-256 of its images and labels."""
    digest = hashlib.sha256(b"mnist-lab data 1")
    for part in PARTS:
        array = np.ascontiguousarray(getattr(dataset, part))
        digest.update(f"{part} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:32]


def class_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """The names as they are kept. Raises FileRefused when they are no `count` plain names."""
    found = tuple(" ".join(readable(name).split()) for name in names)
    if len(found) != count:
        raise FileRefused(f"There are {len(found)} names, but {count} classes: one for each.")
    for name in found:
        if len(name) > MAX_CLASS_NAME or not _CLASS_NAME.fullmatch(name):
            raise FileRefused(
                f"“{name[:40]}” is no name for a class. Use 1 to {MAX_CLASS_NAME} letters and "
                "digits, with spaces and . , ' + / ( ) - between them."
            )
    if twice := [name for name in found if found.count(name) > 1]:
        raise FileRefused(f"Two classes are called “{twice[0]}”; give each a name of its own.")
    return found


def inverted(dataset: Dataset) -> Dataset:
    """The same set with light and dark exchanged: MNIST's ink is light on black."""
    return replace(dataset, x_train=255 - dataset.x_train, x_test=255 - dataset.x_test)


# To a file and back


def pack(dataset: Dataset, names: bool = False) -> bytes:
    """The set as an `.npz`, with its class names if wanted; `read_files` takes it."""
    entries: dict[str, npt.NDArray[Any]] = {part: getattr(dataset, part) for part in PARTS}
    if names:
        entries[NAMES] = np.array(dataset.classes)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in entries.items():
            archive.writestr(f"{name}.npy", array_bytes(array))
    return stream.getvalue()


def unpack(content: bytes, digest: str, name: str, classes: tuple[str, ...]) -> Dataset:
    """The inverse of `pack`, for what this app has packed; DatasetError for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            dataset = Dataset(**{part: archive[part] for part in PARTS}, name=name, classes=classes)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise DatasetError(_DAMAGED.format(name)) from None
    if digest_of(dataset) != digest:
        raise DatasetError(_DAMAGED.format(name))
    for part in PARTS:
        getattr(dataset, part).flags.writeable = False  # shared by everything in this process
    return dataset


_DAMAGED = "The data set “{}” is damaged. Delete it, and add its files again (Explore → Data)."


# Reading


def _read_file(name: str, data: bytes) -> dict[str, npt.NDArray[Any]]:
    what = f"“{readable(name)[:60]}”"
    if len(data) > LIMITS.file_bytes:
        raise FileRefused(
            f"{what} is larger than the {LIMITS.file_bytes // MEGABYTE} MB that are taken."
        )
    if data[:4] == b"PK\x03\x04":
        return _read_npz(name, data, what)
    if data[:2] == b"\x1f\x8b":
        return _read_idx(name, _unzip(data, what), what)
    if data[:3] == b"\x00\x00\x08":
        return _read_idx(name, data, what)
    raise FileRefused(f"{what} is neither an .npz file nor an IDX file of whole bytes.")


def _read_npz(name: str, data: bytes, what: str) -> dict[str, npt.NDArray[Any]]:
    entries = read_zip(data, LIMITS, what)
    arrays = {entry.removesuffix(".npy"): content for entry, content in entries.items()}
    if arrays.keys() == {"arr_0"}:  # one of four, as KMNIST is published
        array = read_array(arrays["arr_0"], _IMAGE_TYPES + _LABEL_TYPES, None, what)
        return {_part(name, array.ndim, what): array}
    if unknown := sorted(arrays.keys() - {*PARTS, NAMES}):
        raise FileRefused(
            f"{what} holds “{readable(unknown[0])[:40]}”; a data set holds {_listed(PARTS)}."
        )
    found = {}
    for part, content in arrays.items():
        types: Sequence[str] = _IMAGE_TYPES if part.startswith("x") else _LABEL_TYPES
        if part == NAMES:
            types = [f"<U{length}" for length in range(1, MAX_CLASS_NAME + 1)]
        found[part] = read_array(content, types, None, f"{part} in {what}")
    return found


def _unzip(data: bytes, what: str) -> bytes:
    """What a gzip file holds, no more of it than its IDX header announces."""
    try:
        stream = zlib.decompressobj(wbits=31)
        head = stream.decompress(data, 16)
        if head[:3] != b"\x00\x00\x08":
            raise FileRefused(f"{what} does not hold an IDX file of whole bytes.")
        size = _idx_size(head, what)
        if size > RATIO_FROM and size > MAX_RATIO * len(data):
            raise FileRefused(f"{what} would unpack to more than {MAX_RATIO} times its size.")
        return head + stream.decompress(stream.unconsumed_tail, max(1, size + 1 - len(head)))
    except zlib.error:
        raise FileRefused(f"{what} is damaged: it cannot be unpacked.") from None


def _idx_size(head: bytes, what: str) -> int:
    """How many bytes an IDX file of this beginning has. Raises FileRefused for too many."""
    shape = _idx_shape(head, what)
    size = 4 + 4 * len(shape) + math.prod(shape)
    if size > LIMITS.unpacked_bytes:
        raise FileRefused(f"{what} says that it holds more than is taken here.")
    return size


def _idx_shape(head: bytes, what: str) -> tuple[int, ...]:
    count = head[3] if len(head) > 3 else 0
    if count not in (1, 3) or len(head) < 4 + 4 * count:
        raise FileRefused(f"{what} is no IDX file of images (three axes) or labels (one axis).")
    return struct.unpack(f">{count}I", head[4 : 4 + 4 * count])


def _read_idx(name: str, data: bytes, what: str) -> dict[str, npt.NDArray[Any]]:
    shape = _idx_shape(data[:16], what)
    if len(data) != _idx_size(data[:16], what):
        raise FileRefused(f"{what} is damaged: it has another size than it says.")
    array = np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    return {_part(name, array.ndim, what): array}


def _part(name: str, axes: int, what: str) -> str:
    """Which of the four parts a file of one array holds: by its name, and its number of axes."""
    lower = name.lower()
    if "train" in lower:
        role = "train"
    elif "t10k" in lower or "test" in lower:
        role = "test"
    else:
        raise FileRefused(
            f"The name of {what} does not say what it is for: let it hold “train” or “test”."
        )
    return f"{'y' if axes == 1 else 'x'}_{role}"


# Checking


def _checked(found: Mapping[str, npt.NDArray[Any]], title: str, most: int) -> OwnSet:
    x_train, x_test = (_images(found[part], part) for part in ("x_train", "x_test"))
    raw_train, raw_test = (_labels(found[part], part) for part in ("y_train", "y_test"))
    for images, labels, role in ((x_train, raw_train, "train"), (x_test, raw_test, "test")):
        if len(images) != len(labels):
            raise FileRefused(
                f"There are {len(images):,} images in x_{role}, but {len(labels):,} labels in "
                f"y_{role}: one for each image."
            )
    if len(x_train) < MIN_TRAIN or len(x_test) < MIN_TEST:
        raise FileRefused(
            f"There are {len(x_train):,} training and {len(x_test):,} test images; at least "
            f"{MIN_TRAIN} and {MIN_TEST} are needed."
        )
    if len(x_train) + len(x_test) > most:
        raise FileRefused(
            f"These are {len(x_train) + len(x_test):,} images; at most {most:,} are taken."
        )
    values = _values(raw_train, raw_test)
    y_train, y_test = (
        np.searchsorted(values, raw).astype(np.uint8) for raw in (raw_train, raw_test)
    )
    names = _names(found.get(NAMES), values)
    return from_arrays(Dataset(x_train, y_train, x_test, y_test, title, names))


def _images(array: npt.NDArray[Any], part: str) -> ByteArray:
    """Grey images as uint8 [n, 28, 28]."""
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim != 3 or array.shape[1:] != (SIDE, SIDE):
        shape = "×".join(map(str, array.shape))
        raise FileRefused(
            f"{part} is {shape}; expected grey images of {SIDE}×{SIDE} pixels, n×{SIDE}×{SIDE}."
        )
    if array.dtype == np.uint8:
        return np.array(array, copy=True)
    low, high = float(array.min(initial=0)), float(array.max(initial=0))
    if array.dtype.kind == "f" and low >= 0 and high <= 1:  # NaN compares false
        return np.round(array * 255).astype(np.uint8)
    if array.dtype.kind in "iu" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    raise FileRefused(
        f"{part} holds values from {low:g} to {high:g}; pixels are whole numbers from 0 to 255, "
        "or fractions from 0 to 1."
    )


def _labels(array: npt.NDArray[Any], part: str) -> npt.NDArray[np.int64]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise FileRefused(f"{part} has to be a row of whole numbers, the class of each image.")
    if array.size and int(array.max()) > 2**62:
        raise FileRefused(f"{part} holds numbers that are too large for classes.")
    return array.astype(np.int64)


def _values(train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The numbers that stand for classes, ascending."""
    values, counts = np.unique(train, return_counts=True)
    if not MIN_CLASSES <= len(values) <= MAX_CLASSES:
        raise FileRefused(
            f"These images have {len(values):,} class{'' if len(values) == 1 else 'es'}; from "
            f"{MIN_CLASSES} to {MAX_CLASSES} are taken."
        )
    if counts.min() < MIN_OF_A_CLASS:
        raise FileRefused(
            f"Class {values[counts.argmin()]} has a single training image; at least "
            f"{MIN_OF_A_CLASS} are needed of each."
        )
    if len(strange := np.setdiff1d(test, values)):
        raise FileRefused(f"Class {strange[0]} is among the test images, but not in training.")
    return values


def _names(given: npt.NDArray[Any] | None, values: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """The names in the file, if there is one for each class, else the numbers."""
    if given is None:
        return tuple(str(value) for value in values)
    first = given.ravel()[: MAX_CLASSES + 1]
    # NumPy holds a text as the numbers of its characters, and fails on one that is none.
    if int(first.view("<u4").max(initial=0)) > sys.maxunicode:
        raise FileRefused("The class names in this file are damaged.")
    return class_names([str(name) for name in first], len(values))


def _title(files: Sequence[tuple[str, bytes]]) -> str:
    """What a set is called at first: as its file; four files have no common name."""
    if len(files) != 1:
        return ""
    return files[0][0].removesuffix(".npz")


def _said(part: str) -> str:
    kind, _, role = part.partition("_")
    if part == NAMES:
        return "class names"
    return f"{'images' if kind == 'x' else 'labels'} for {'training' if role == 'train' else role}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
