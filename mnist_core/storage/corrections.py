"""A person's corrections: drawings that were misread, with the digit they were meant to be.

One small file for each owner, `corrections/OWNER.npz` under the app's home, written as a whole
or not at all. The same form as a data set: uint8 images, uint8 labels.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_core.base.paths import home as default_home
from mnist_core.base.paths import private_folder
from mnist_core.data import mnist

FloatArray = npt.NDArray[np.float32]

MOST = 2000
_WRITING = threading.Lock()


class CorrectionsError(RuntimeError):
    """The corrections cannot be kept or read; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Corrections:
    """`images` uint8 [n, 28, 28], 255 full ink, and `labels` uint8 [n]; the newest last."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ink(self) -> FloatArray:
        """The images as float32 in [0, 1]."""
        return mnist.ink(self.images)

    def as_npz(self) -> bytes:
        """The file that is kept and exported: arrays `images` and `labels`."""
        data = io.BytesIO()
        np.savez_compressed(data, images=self.images, labels=self.labels)
        return data.getvalue()


NONE = Corrections(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))


def load(owner: str = "local", home: Path | None = None) -> Corrections:
    """The owner's corrections, none at first. Raises CorrectionsError."""
    path = _path(owner, home)
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, labels = archive["images"], archive["labels"]
        with contextlib.suppress(OSError):
            os.utime(path)  # so that its age tells when it was last used
    except FileNotFoundError:
        return NONE
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CorrectionsError(
            f"The file with your corrections cannot be read ({type(error).__name__}). Delete "
            f"{path.name} in the folder {path.parent.name} of the app’s home to begin afresh."
        ) from None
    wrong = images.dtype != np.uint8 or images.shape[1:] != (28, 28) or labels.dtype != np.uint8
    if wrong or labels.shape != images.shape[:1] or (labels > 9).any():
        raise CorrectionsError(f"The file {path.name} holds no corrections; delete it.")
    return Corrections(images, labels)


def are_kept(owner: str, home: Path | None = None) -> bool:
    """Whether there is a file of this owner's corrections."""
    return _path(owner, home).exists()


def add(
    image28: FloatArray, label: int, owner: str = "local", home: Path | None = None
) -> Corrections:
    """Keep one more, float32 [28, 28] in [0, 1]; the oldest goes when there are more than MOST.

    The same drawing corrected again takes its new label. Raises CorrectionsError, and ValueError
    for what is no digit.
    """
    if not 0 <= label <= 9 or image28.shape != (28, 28):
        raise ValueError(f"Expected an image [28, 28] and a digit, not {image28.shape}, {label}.")
    image = np.round(np.clip(image28, 0, 1) * 255).astype(np.uint8)
    with _WRITING:
        kept = load(owner, home)
        other = (kept.images != image).any((1, 2))
        images = np.concatenate([kept.images[other], image[None]])[-MOST:]
        labels = np.append(kept.labels[other], np.uint8(label))[-MOST:]
        return _write(Corrections(images, labels), owner, home)


def remove(index: int, owner: str = "local", home: Path | None = None) -> Corrections:
    """Forget the correction at this place. Raises CorrectionsError and IndexError."""
    with _WRITING:
        kept = load(owner, home)
        if not 0 <= index < len(kept):
            raise IndexError(f"There is no correction {index}; there are {len(kept)}.")
        rest = np.arange(len(kept)) != index
        return _write(Corrections(kept.images[rest], kept.labels[rest]), owner, home)


def forget_others(owners: Iterable[str], older_than: datetime, home: Path | None = None) -> None:
    """Remove what belongs to none of `owners` and was last read or written before `older_than`."""
    theirs = {_path(owner, home) for owner in ("local", *owners)}
    folder = _path("local", home).parent
    with _WRITING:
        for path in folder.glob("*.npz"):
            with contextlib.suppress(OSError):  # another server's hand, or no right to it
                if path not in theirs and path.stat().st_mtime < older_than.timestamp():
                    path.unlink()


def _write(corrections: Corrections, owner: str, home: Path | None) -> Corrections:
    path = _path(owner, home)
    try:
        for folder in (path.parent.parent, path.parent):
            private_folder(folder)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(corrections.as_npz())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CorrectionsError(
            f"Your correction cannot be kept ({error.strerror}). Make the folder {path.parent} "
            "writable, or set MNIST_LAB_HOME to one that is."
        ) from None
    return corrections


def _path(owner: str, home: Path | None) -> Path:
    """An owner's name may hold anything: only its digest becomes part of a file's name."""
    name = owner if owner == "local" else hashlib.sha256(owner.encode()).hexdigest()[:32]
    return (home or default_home()) / "corrections" / f"{name}.npz"
