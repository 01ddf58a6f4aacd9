"""Uploaded files, and those in zip files, one after the other; sizes are known before unpacking."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from mnist_core.base.untrusted import MAX_RATIO, MEGABYTE, RATIO_FROM, FileRefused, readable
from mnist_core.data.array_files import GZIP, MAX_BYTES, unzipped

MAX_ENTRIES = 350_000
MAX_DEPTH = 2
ZIP = b"PK\x03\x04"
# What operating systems leave behind in folders.
_LEFT_BEHIND = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
_NOTES = (".txt", ".md", ".html", ".pdf", ".json", ".rst", ".license", "license", "readme")


def unpacked(name: str, data: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """The file itself, or what is in it when it is packed; an .npz stays whole.

    Raises FileRefused.
    """
    if data[:2] == GZIP:
        yield name.removesuffix(".gz"), unzipped(data, _said(name))
    elif data[:4] != ZIP or is_npz(data):
        yield name, data
    elif depth >= MAX_DEPTH:
        raise FileRefused(f"{_said(name)} nests zip files too deeply.")
    else:
        stem = name.removesuffix(".zip")
        for path, content in _entries(data, _said(name)):
            yield from unpacked(f"{stem}/{path}", content, depth + 1)


def entries_of_npz(name: str, data: bytes) -> dict[str, bytes]:
    """The arrays in an .npz file, as bytes. Raises FileRefused."""
    return dict(_entries(data, _said(name)))


def is_npz(data: bytes) -> bool:
    """True when a zip file holds arrays of NumPy alone. Raises FileRefused for a damaged one."""
    names = [entry.filename for entry in _listed(data, "This zip file")[1]]
    return bool(names) and all(name.endswith(".npy") and "/" not in name for name in names)


def _listed(data: bytes, what: str) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        return archive, archive.infolist()
    except Exception:  # the directory of a damaged zip file fails in many ways
        raise FileRefused(f"{what} is damaged: it cannot be unpacked.") from None


def _entries(data: bytes, what: str) -> Iterator[tuple[str, bytes]]:
    archive, listed = _listed(data, what)
    with archive:
        entries = [entry for entry in listed if not _is_left_behind(entry)]
        _check(entries, what)
        for entry in entries:
            try:
                with archive.open(entry) as stream:
                    content = stream.read(entry.file_size + 1)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
                    ValueError, OSError, OverflowError):  # fmt: skip
                raise FileRefused(f"{what} is damaged: it cannot be unpacked.") from None
            if len(content) != entry.file_size:
                raise FileRefused(f"{what} is damaged: an entry has the wrong size.")
            yield entry.filename, content


def _is_left_behind(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    return entry.is_dir() or any(part in _LEFT_BEHIND or part.startswith("._") for part in parts)


def is_note(name: str) -> bool:
    """True when a file beside the images only says something about them."""
    return name.lower().endswith(_NOTES)


def _check(entries: list[zipfile.ZipInfo], what: str) -> None:
    if len(entries) > MAX_ENTRIES:
        raise FileRefused(f"{what} holds {len(entries):,} files; at most {MAX_ENTRIES:,} are read.")
    if len({entry.filename for entry in entries}) < len(entries):
        raise FileRefused(f"{what} holds two files with the same name.")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise FileRefused(
            f"{what} would unpack to {total // MEGABYTE:,} MB; at most "
            f"{MAX_BYTES // MEGABYTE} MB are read. Use fewer images."
        )
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise FileRefused(f"{what} is encrypted; save it without a password.")
        if entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * entry.compress_size:
            raise FileRefused(f"{what} would unpack to more than {MAX_RATIO} times its size.")


def _said(name: str) -> str:
    return f"“{readable(name)[:60]}”"
