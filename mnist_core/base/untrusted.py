"""Files that other people made: looked at with care, and never with pickle.

Everything here works on bytes that may be damaged or hostile. What does not fit is refused with
a `FileRefused`, one sentence for the person; nothing else is ever raised.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MEGABYTE = 1_000_000
MAX_NESTING = 60
# Deflate reaches about 1,030 : 1 on zeros; real weights and curves stay below 20 : 1. Small
# entries may be as repetitive as they like.
MAX_RATIO, RATIO_FROM = 200, 1 * MEGABYTE
MAX_ENTRY_NAME = 200
# More axes, or more along one, no array here has.
MAX_AXES, MAX_AXIS = 8, 2**40
_ENTRY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")


class FileRefused(ValueError):
    """A file that is not taken; the message is a sentence that says why."""


@dataclass(frozen=True)
class Limits:
    """Bounds on a zip file: its size, its size when unpacked, the number of its entries."""

    file_bytes: int
    unpacked_bytes: int
    entries: int


def read_zip(data: bytes, limits: Limits, what: str) -> dict[str, bytes]:
    """All entries of a zip file, unpacked, by name. `what` names the file in sentences.

    Sizes, counts, ratios and names are checked before anything is unpacked. Raises FileRefused.
    """
    if len(data) > limits.file_bytes:
        raise FileRefused(
            f"{_big(what)} is {_size(len(data))}; at most {_size(limits.file_bytes)} are read."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, limits, what)
            return {entry.filename: _unpack(archive, entry, what) for entry in entries}
    except FileRefused:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            ValueError, OSError, KeyError, OverflowError, MemoryError):  # fmt: skip
        raise FileRefused(f"{_big(what)} is damaged: it cannot be unpacked.") from None


def _check_entries(entries: Sequence[zipfile.ZipInfo], limits: Limits, what: str) -> None:
    if len(entries) > limits.entries:
        raise FileRefused(
            f"{_big(what)} holds {len(entries):,} entries; at most {limits.entries:,} are taken."
        )
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise FileRefused(f"{_big(what)} holds two entries with the same name.")
    total = sum(entry.file_size for entry in entries)
    if total > limits.unpacked_bytes:
        raise FileRefused(
            f"{_big(what)} would unpack to {_size(total)}; at most "
            f"{_size(limits.unpacked_bytes)} are taken."
        )
    for entry in entries:
        plain_name = len(entry.filename) <= MAX_ENTRY_NAME and _ENTRY_NAME.fullmatch(entry.filename)
        if not plain_name or entry.is_dir():
            raise FileRefused(f"{_big(what)} holds an entry without a plain file name.")
        if entry.flag_bits & 0x1:
            raise FileRefused(f"{_big(what)} is encrypted; save it without a password.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileRefused(f"{_big(what)} is packed in an unsupported format.")
        if entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * entry.compress_size:
            raise FileRefused(
                f"{_big(what)} would unpack to more than {MAX_RATIO} times its size; such files "
                "are not taken."
            )


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, what: str) -> bytes:
    """One entry; reading ends at the size that was declared, whatever the stream would give."""
    with archive.open(entry) as stream:
        content = stream.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise FileRefused(f"{_big(what)} is damaged: {entry.filename} has the wrong size.")
    return content


def read_json(data: bytes, what: str) -> Any:
    """JSON without NaN, infinities, repeated keys or deep nesting. Raises FileRefused."""
    try:
        found = json.loads(data, parse_constant=_no_constant, object_pairs_hook=_unique)
        _check_depth(found)
        return found
    except (ValueError, RecursionError, OverflowError):
        raise FileRefused(f"{_big(what)} is damaged: its description cannot be read.") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


def read_array(
    data: bytes, dtypes: Sequence[str], shape: tuple[int, ...] | None, what: str
) -> npt.NDArray[Any]:
    """An array from the bytes of a `.npy` file: one of `dtypes`, and of `shape` unless None.

    The header is checked against the number of bytes before memory is set aside. Raises
    FileRefused.
    """
    found, fortran, dtype, start = _npy_header(data, what)
    allowed = [np.dtype(name) for name in dtypes]
    if dtype not in allowed:
        taken = ", ".join(dict.fromkeys(str(kind) for kind in allowed))
        raise FileRefused(f"{_big(what)} holds an array of {dtype}. Taken are: {taken}.")
    if fortran:
        raise FileRefused(f"{_big(what)} holds an array in Fortran's order; save it in C's.")
    if shape is not None and found != shape:
        raise FileRefused(
            f"{_big(what)} does not hold together: an array is {_shape(found)}, but the network "
            f"needs {_shape(shape)}."
        )
    return _npy_content(data, found, dtype, start)


def read_npy(data: bytes, what: str) -> npt.NDArray[Any]:
    """An array of numbers, truth values or texts from a `.npy` file, in either order of axes.

    Raises FileRefused, for arrays of Python objects, too: to load those runs code.
    """
    found, fortran, dtype, start = _npy_header(data, what)
    if dtype.hasobject:
        raise FileRefused(
            f"{_big(what)} is an array of Python objects, which can execute code when loaded. "
            "Save it as numbers: np.asarray(array, dtype=np.uint8), labels as np.int64."
        )
    if dtype.kind not in "buifUS" or 0 in found:
        raise FileRefused(f"{_big(what)} is {_shape(found)} of {dtype}; expected numbers or texts.")
    array = _npy_content(data, found[::-1] if fortran else found, dtype, start)
    return array.T if fortran else array


def _npy_header(data: bytes, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether in Fortran's order, type of numbers, and where they begin."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        found, fortran, dtype = read(stream)
    except Exception:  # the header is a Python literal: parsing it may fail in many ways
        raise FileRefused(f"{_big(what)} is damaged: an array in it cannot be read.") from None
    plain = all(type(size) is int and 0 <= size <= MAX_AXIS for size in found)
    size = math.prod(found) * dtype.itemsize if plain and len(found) <= MAX_AXES else -1
    if len(data) - stream.tell() != size and not (plain and dtype.hasobject):
        raise FileRefused(f"{_big(what)} is damaged: an array has the wrong size.")
    return found, fortran, dtype, stream.tell()


def _npy_content(
    data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], start: int
) -> npt.NDArray[Any]:
    if math.prod(shape) == 0 or dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype, offset=start).reshape(shape).copy()


def array_bytes(array: npt.NDArray[Any]) -> bytes:
    """The inverse of `read_array`: a `.npy` file in memory."""
    stream = io.BytesIO()
    contiguous = np.array(array, order="C", copy=True)
    np.lib.format.write_array(stream, contiguous, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def checksum(data: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def readable(text: str) -> str:
    """A person's text without control characters, lone surrogates and space around it."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a single number"


def _size(count: int) -> str:
    return f"{count / MEGABYTE:,.0f} MB" if count >= MEGABYTE else f"{count:,} bytes"


def _big(what: str) -> str:
    # The name of an array stays as it is written.
    return what if what.partition(" ")[0].count("_") else what[:1].upper() + what[1:]
