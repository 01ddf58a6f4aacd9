"""The bytes that visitors keep in the database, counted alike for every quota."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mnist_core.storage import schema
from mnist_core.storage.corrections import IMAGE_BYTES

# Loss and accuracy as float32. A run's last step says how many: its curve has very many rows.
STEP_BYTES = 8


def kept_bytes(connection: sa.Connection, owners: sa.Select[Any] | None = None) -> int:
    """The bytes of weights, checkpoints, curves, data sets and corrections, also those put aside.

    Of the owners that a query gives, None: everybody's.
    """
    runs, weights = schema.runs.c, schema.snapshots.c
    data, corrections = schema.datasets.c, schema.corrections.c

    def of_owners(size: sa.ColumnElement[Any], owner: sa.ColumnElement[str]) -> sa.Select[Any]:
        query = sa.select(size)
        return query if owners is None else query.where(owner.in_(owners))

    snapshots = sa.select(sa.func.sum(weights.bytes))
    if owners is not None:
        theirs = sa.select(runs.id).where(runs.owner.in_(owners))
        snapshots = snapshots.where(weights.run.in_(theirs))
    parts = (
        snapshots,
        of_owners(sa.func.sum(blob_bytes(connection, runs.checkpoint)), runs.owner),
        of_owners(STEP_BYTES * sa.func.sum(runs.step), runs.owner),
        of_owners(sa.func.sum(data.bytes), data.owner),
        of_owners(IMAGE_BYTES * sa.func.count(corrections.number), corrections.owner),
    )
    return sum(int(connection.execute(part).scalar() or 0) for part in parts)


def blob_bytes(connection: sa.Connection, column: sa.Column[bytes]) -> sa.ColumnElement[int]:
    """The bytes of a blob: SQLite before 3.43 has another name for it."""
    sqlite = connection.dialect.name == "sqlite"
    return sa.func.length(column) if sqlite else sa.func.octet_length(column)
