"""A data set of one's own: checked, named by its content, and packed for keeping."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.untrusted import FileRefused, array_bytes, readable
from mnist_core.data.mnist import Dataset, DatasetError

# Images of a set, for training and for the test; Kuzushiji-49, the largest of MNIST's kind that
# has at most 50 classes, has 270,912.
MAX_IMAGES = 300_000
MAX_TITLE, MAX_CLASS_NAME = 60, 24
PARTS = ("x_train", "y_train", "x_test", "y_test")
NAMES = "class_names"
# Names stand in figures and tables: words and a little punctuation, nothing that could be markup.
_CLASS_NAME = re.compile(r"\w[\w .,'’+/()-]*")

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
        raise FileRefused(f"{len(found)} names were given for {count} classes.")
    for name in found:
        if len(name) > MAX_CLASS_NAME or not _CLASS_NAME.fullmatch(name):
            raise FileRefused(
                f"“{name[:40]}” is not a valid class name. Use 1 to {MAX_CLASS_NAME} letters and "
                "digits, with spaces and . , ' + / ( ) - between them."
            )
    if twice := [name for name in found if found.count(name) > 1]:
        raise FileRefused(f"Two classes are called “{twice[0]}”; use different names.")
    return found


def plain_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names that files give, as they can be kept: without signs, short, no two the same."""
    found: list[str] = []
    for place, name in enumerate(names):
        plain = re.sub(r"[^\w .,'’+/()-]+", " ", " ".join(readable(name).split())).strip()
        plain = plain.lstrip(" .,'’+/()-")[:MAX_CLASS_NAME].rstrip()
        if not _CLASS_NAME.fullmatch(plain) or plain in found:
            plain = f"class {place}"
        found.append(plain)
    return tuple(found)


def inverted(dataset: Dataset) -> Dataset:
    """The same set with light and dark exchanged: MNIST's ink is light on black."""
    return replace(dataset, x_train=255 - dataset.x_train, x_test=255 - dataset.x_test)


def turned(dataset: Dataset) -> Dataset:
    """The same set with rows and columns of each image exchanged, as EMNIST's lie."""
    x_train, x_test = (
        np.ascontiguousarray(images.swapaxes(1, 2)) for images in (dataset.x_train, dataset.x_test)
    )
    return replace(dataset, x_train=x_train, x_test=x_test)


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
