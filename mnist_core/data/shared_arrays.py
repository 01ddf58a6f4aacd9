"""Arrays mapped from files, so that the processes of one server hold them once between them."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import paths

# The folder of the files; a server names it to the processes that it starts. Unset: no sharing.
SETTING = "MNIST_LAB_SHARED_ARRAYS"


def share() -> None:
    """Have this process and those that it starts share what `shared` is given."""
    os.environ.setdefault(SETTING, str(paths.home() / "arrays"))


def kept(name: str) -> npt.NDArray[Any] | None:
    """The array in the file of this name, read-only and mapped; None where there is none."""
    folder = os.environ.get(SETTING)
    return _mapped(Path(folder) / f"{name}.npy") if folder else None


def shared(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array equal to this one, read-only, mapped from the file of this name if that can be.

    The file is written where it is missing or holds something else.
    """
    if not (folder := os.environ.get(SETTING)):
        return array
    found = kept(name)
    if found is None or not np.array_equal(found, array):
        with suppress(OSError):
            _write(Path(folder) / f"{name}.npy", array)
            found = kept(name)
    return found if found is not None and np.array_equal(found, array) else array


def let_go(array: npt.NDArray[Any]) -> None:
    """Take a mapped array out of this process's memory; what is used of it is mapped again."""
    holder: Any = array
    while isinstance(holder, np.ndarray):
        holder = holder.base
    if isinstance(holder, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        holder.madvise(mmap.MADV_DONTNEED)


def _mapped(path: Path) -> npt.NDArray[Any] | None:
    with suppress(OSError, ValueError, EOFError):  # there is none, or it is damaged
        return np.asarray(np.load(path, mmap_mode="r"))
    return None


def _write(path: Path, array: npt.NDArray[Any]) -> None:
    """In one piece: another process may be mapping the file at this moment. Raises OSError."""
    paths.private_folder(path.parent)
    handle, written = tempfile.mkstemp(dir=path.parent, suffix=".npy")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, array)
        Path(written).replace(path)
    except OSError:
        Path(written).unlink(missing_ok=True)
        raise
