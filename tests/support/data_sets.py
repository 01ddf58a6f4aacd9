"""Small data sets for tests: bars at places that tell their classes apart."""

from __future__ import annotations

import gzip
import io
import struct

import numpy as np

from mnist_core.data.mnist import Dataset

NAMES = ("left", "middle", "right bar")


def bars(classes: int = 3, train: int = 120, test: int = 30, seed: int = 0) -> Dataset:
    """Upright bars, further right the higher the class; some noise, so that no two are equal."""
    draw = np.random.default_rng(seed)

    def some(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (np.arange(count) % classes).astype(np.uint8)
        images = draw.integers(0, 40, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            at = 2 + int(label) * 24 // classes
            image[4:24, at : at + 3] = 255
        return images, labels

    names = NAMES if classes == 3 else tuple(f"kind {index}" for index in range(classes))
    (x_train, y_train), (x_test, y_test) = some(train), some(test)
    return Dataset(x_train, y_train, x_test, y_test, "Bars", names)


def npz(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def parts(data: Dataset) -> dict[str, np.ndarray]:
    return {name: getattr(data, name) for name in ("x_train", "y_train", "x_test", "y_test")}


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def idx_files(data: Dataset, packed: bool = True) -> list[tuple[str, bytes]]:
    """As MNIST is published: train-images-idx3-ubyte.gz and so on."""
    wrap, end = (gzip.compress, ".gz") if packed else ((lambda content: content), "")
    return [
        (f"{role}-{kind}-idx{array.ndim}-ubyte{end}", wrap(idx(array)))
        for role, kind, array in (
            ("train", "images", data.x_train),
            ("train", "labels", data.y_train),
            ("t10k", "images", data.x_test),
            ("t10k", "labels", data.y_test),
        )
    ]
