"""Corrections: drawings that were misread, each with the digit that it was meant to be.

In the database beside the runs, each for its owner, so that several app servers share them and a
visitor's quota counts them. `store` is any view of it; `owner` says whose are meant.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from mnist_core.data import mnist
from mnist_core.storage import schema
from mnist_core.storage.store import Store

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
