"""Images and labels in files of arrays: .npz, .npy, IDX, and MATLAB's .mat of EMNIST."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mnist_core.base.untrusted import (
    MAX_RATIO,
    MEGABYTE,
    RATIO_FROM,
    FileRefused,
    read_npy,
    readable,
)
from mnist_core.data.parts import CLASS_NAMES, Array, Part, kind_of, role_of

MAX_BYTES = 800 * MEGABYTE  # unpacked: 60,000 images of 784 float64 have 376
IDX, GZIP, NPY, MAT = b"\x00\x00\x08", b"\x1f\x8b", b"\x93NUMPY", b"MATLAB 5.0 MAT-file"
TURNED = "These are EMNIST images, which are stored transposed: they were turned."


def arrays_in_npz(name: str, entries: Mapping[str, bytes]) -> Iterator[Part]:
    """The parts in an .npz file, given its entries. Raises FileRefused."""
    arrays = {entry.removesuffix(".npy"): read_npy(content, _what(entry, name))
              for entry, content in entries.items()}  # fmt: skip
    if arrays.keys() == {"arr_0"}:  # one of four, as KMNIST is published
        yield array_part(name, name, arrays["arr_0"])
        return
    names = next((array for key, array in arrays.items() if key.lower() in CLASS_NAMES), None)
    kept = {key: array for key, array in arrays.items() if key.lower() not in CLASS_NAMES}
    if kept.keys() == {f"arr_{number}" for number in range(4)}:
        kept = _by_position(kept)
    for key, array in kept.items():
        yield array_part(key, name, array)
    if names is not None:
        yield Part("all", name, names=class_texts(names))


def array_part(name: str, source: str, array: Array) -> Part:
    """The part of a data set that an array of this name holds."""
    role = role_of(name, source)
    if kind_of(name, array.ndim) == "labels":
        return Part(role, source, labels=array)
    return Part(role, source, images=array)


def class_texts(names: Array) -> tuple[str, ...]:
    """Class names as text. Raises FileRefused."""
    flat = names.ravel()[:100]
    if flat.dtype.kind == "U":
        # NumPy holds a text as the numbers of its characters, and fails on one that is none.
        if flat.size and int(flat.view("<u4").max(initial=0)) > 0x10FFFF:
            raise FileRefused("The class names in this file are damaged.")
        return tuple(str(name) for name in flat)
    if flat.dtype.kind == "S":
        return tuple(name.decode(errors="replace") for name in flat.tolist())
    raise FileRefused("The class names in this file are not text.")


def _by_position(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Four arrays without names: images and labels for training, then for the test."""
    found = list(arrays.values())
    names = ["x_train", "y_train", "x_test", "y_test"]
    if found[1].ndim > 1 and found[2].ndim == 1:
        names = ["x_train", "x_test", "y_train", "y_test"]
    return dict(zip(names, found, strict=True))


def idx_part(name: str, data: bytes) -> Part:
    """The part in an IDX file of whole bytes. Raises FileRefused."""
    what = f"“{readable(name)[:60]}”"
    count = data[3] if len(data) > 3 else 0
    if count not in (1, 2, 3) or len(data) < 4 + 4 * count:
        raise FileRefused(f"{what} is not an IDX file of images (three axes) or labels (one axis).")
    shape = struct.unpack(f">{count}I", data[4 : 4 + 4 * count])
    if len(data) != 4 + 4 * count + math.prod(shape) or 0 in shape:
        raise FileRefused(f"{what} is damaged: its size does not match its header.")
    array = np.frombuffer(data, np.uint8, offset=4 + 4 * count).reshape(shape)
    role = role_of(name)
    if count == 1:
        return Part(role, name, labels=array)
    turned = "emnist" in name.lower()
    return Part(role, name, images=array, turned=turned, said=(TURNED,) if turned else ())


def unzipped(data: bytes, what: str) -> bytes:
    """The content of a gzip file, within bounds. Raises FileRefused."""
    most = min(MAX_BYTES, max(RATIO_FROM, MAX_RATIO * len(data)))
    try:
        stream = zlib.decompressobj(wbits=31)
        found = stream.decompress(data, most)
        if stream.unconsumed_tail or not stream.eof:
            if stream.unconsumed_tail:
                raise FileRefused(f"{what} is too large once unpacked.")
            raise FileRefused(f"{what} is damaged: it ends too early.")
        return found
    except zlib.error:
        raise FileRefused(f"{what} is damaged: it cannot be unpacked.") from None


def mat_parts(name: str, data: bytes) -> Iterator[Part]:
    """The parts in a .mat file: EMNIST's structure, or arrays by their names.

    Raises FileRefused.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(
            io.BytesIO(data), struct_as_record=True, verify_compressed_data_integrity=True
        )
    except Exception:  # SciPy's reader fails in many ways on what is damaged
        raise FileRefused(f"“{readable(name)[:60]}” is damaged: it cannot be read.") from None
    arrays = {key: value for key, value in found.items() if not key.startswith("__")}
    if "dataset" in arrays and getattr(arrays["dataset"].dtype, "names", None):
        yield from _emnist(name, arrays["dataset"])
        return
    for key, value in arrays.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "buif" and value.size > 1:
            flat = (
                value.ravel()
                if 1 in value.shape and kind_of(key, value.ndim) == "labels"
                else value
            )
            yield array_part(key, name, flat)


def _emnist(name: str, dataset: Any) -> Iterator[Part]:
    """EMNIST as its authors publish it: images are columns on end, classes have a mapping."""
    whole = _inner(dataset)
    names = None
    if whole.dtype.names and "mapping" in whole.dtype.names:
        mapping = np.asarray(whole["mapping"], dtype=np.int64)
        names = {int(row[0]): "".join(chr(int(code)) for code in row[1:]) for row in mapping}
    for role in ("train", "test"):
        part = _inner(whole[role])
        labels = np.asarray(part["labels"]).ravel()
        if names is not None:
            labels = np.array([names.get(int(label), str(label)) for label in labels])
        images = np.asarray(part["images"])
        if images.dtype.kind not in "buif" or labels.dtype.kind not in "buifU":
            raise FileRefused(f"“{readable(name)[:60]}” is not in EMNIST's format.")
        yield Part(role_of(role), name, images, labels, said=(TURNED,), turned=True)


def _inner(value: Any) -> Any:
    """SciPy wraps a structure into arrays of one element."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.ravel()[0]
    return value[0, 0] if isinstance(value, np.ndarray) and value.shape == (1, 1) else value


def _what(entry: str, name: str) -> str:
    return f"{readable(entry)[:40]} in “{readable(name)[:60]}”"
