"""Arrays mapped from files, so that the processes of one server hold them once between them."""

from __future__ import annotations

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


def shared(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array equal to this one, read-only, mapped from the file of this name if that can be.

    The file is written where it is missing or holds something else.
    """
    if not (folder := os.environ.get(SETTING)):
        return array
    path = Path(folder) / f"{name}.npy"
    found = _mapped(path)
    if found is None or not np.array_equal(found, array):
        with suppress(OSError):
            _write(path, array)
            found = _mapped(path)
    return found if found is not None and np.array_equal(found, array) else array


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
