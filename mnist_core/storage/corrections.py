"""Corrections: drawings that were misread, each with the digit that it was meant to be.

In the database beside the runs, each for its owner, so that several app servers share them and a
visitor's quota counts them. `store` is any view of it; `owner` says whose are meant.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from mnist_core.base.paths import home as default_home
from mnist_core.data import mnist
from mnist_core.storage import schema
from mnist_core.storage.store import Store

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]

MOST = 2000  # of an owner
IMAGE_BYTES = 28 * 28
_TABLE = schema.corrections


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
        """The file for export: arrays `images` and `labels`, in the form of a data set."""
        data = io.BytesIO()
        np.savez_compressed(data, images=self.images, labels=self.labels)
        return data.getvalue()


NONE = Corrections(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))


def load(store: Store, owner: str) -> Corrections:
    """The owner's corrections, none at first. Raises StoreError."""
    query = sa.select(_TABLE.c.image, _TABLE.c.label).where(_TABLE.c.owner == owner)
    with store.transaction() as connection:
        rows = connection.execute(query.order_by(_TABLE.c.number)).all()
    images = np.frombuffer(b"".join(row.image for row in rows), np.uint8)
    return Corrections(images.reshape(-1, 28, 28), np.array([row.label for row in rows], np.uint8))


def add(store: Store, owner: str, image28: FloatArray, label: int) -> Corrections:
    """Keep one more; the oldest goes when there are more than `MOST`.

    The same drawing corrected again takes its new label.

    Args:
        store: Any view of the database.
        owner: Whose correction it is.
        image28: float32 [28, 28] in [0, 1].
        label: The digit that was meant.

    Returns:
        All corrections of the owner.

    Raises:
        ValueError: It is no image of a digit.
        StoreError: The database did not take it.
    """
    if not 0 <= label <= 9 or image28.shape != (28, 28):
        raise ValueError(f"Expected an image [28, 28] and a digit, not {image28.shape}, {label}.")
    image = np.round(np.clip(image28, 0, 1) * 255).astype(np.uint8)
    _insert(store, owner, [(image.tobytes(), label)])
    return load(store, owner)


def remove(store: Store, owner: str, index: int) -> None:
    """Forget the correction at this place. Raises StoreError, and IndexError without one."""
    mine = sa.select(_TABLE.c.number).where(_TABLE.c.owner == owner).order_by(_TABLE.c.number)
    with store.transaction() as connection:
        number = connection.execute(mine.offset(index).limit(1)).scalar() if index >= 0 else None
        if number is None:
            raise IndexError(f"There is no correction {index}.")
        connection.execute(_TABLE.delete().where(_TABLE.c.number == number))


def _insert(store: Store, owner: str, rows: Iterable[tuple[bytes, int]]) -> None:
    theirs = _TABLE.c.owner == owner
    newest = sa.select(_TABLE.c.number).where(theirs).order_by(_TABLE.c.number.desc()).limit(MOST)
    with store.transaction() as connection:
        for image, label in rows:
            connection.execute(_TABLE.delete().where(theirs, _TABLE.c.image == image))
            connection.execute(
                _TABLE.insert().values(
                    owner=owner, image=image, label=label, created=datetime.now(UTC)
                )
            )
        connection.execute(_TABLE.delete().where(theirs, _TABLE.c.number.not_in(newest)))


def take_over_files(store: Store, home: Path | None = None) -> int:
    """Move the corrections of earlier versions into the database; how many it was.

    They lay in one `.npz` an owner under the app's home, named by the owner's digest. A file that
    cannot be read, or that belongs to nobody in this database, stays where it is. Raises
    StoreError.
    """
    folder = (home or default_home()) / "corrections"
    files = {path.stem: path for path in folder.glob("*.npz")}
    if not files:
        return 0
    count = 0
    for owner in _owners(store):
        name = owner if owner == "local" else hashlib.sha256(owner.encode()).hexdigest()[:32]
        found = _read(files[name]) if name in files else None
        if found is not None:
            images = (image.tobytes() for image in found.images)
            _insert(store, owner, zip(images, found.labels.tolist(), strict=True))
            files[name].unlink(missing_ok=True)
            count += len(found)
    return count


def _owners(store: Store) -> set[str]:
    kept = (schema.visitors, schema.runs, schema.datasets, schema.sweeps)
    with store.transaction() as connection:
        found = {
            owner
            for table in kept
            for owner in connection.execute(sa.select(table.c.owner).distinct()).scalars()
        }
    return {"local", *found}


def _read(path: Path) -> Corrections | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, labels = archive["images"], archive["labels"]
    except Exception:  # NumPy, zipfile and zlib each raise their own for a damaged file
        log.warning("the corrections in %s cannot be read; they stay there", path)
        return None
    right = images.dtype == np.uint8 and images.shape[1:] == (28, 28) and labels.dtype == np.uint8
    if not right or labels.shape != images.shape[:1] or (labels > 9).any():
        log.warning("%s holds no corrections; it stays there", path)
        return None
    return Corrections(images[-MOST:], labels[-MOST:])
