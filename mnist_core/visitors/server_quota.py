"""The bound on what a whole server keeps: who has been away for longest makes room for others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from mnist_core.storage import schema
from mnist_core.storage.store import ACTIVE, Store
from mnist_core.visitors.kept_bytes import STEP_BYTES, blob_bytes, kept_bytes
from mnist_core.visitors.limits import Limits

# Whoever had a page open within this time is not absent.
ABSENT = timedelta(hours=1)
# What was deleted can be brought back for so long, also on a full server.
UNDO = timedelta(minutes=10)


@dataclass(frozen=True)
class Kept:
    """Everyone's runs, and the bytes of all that is kept, as `kept_bytes` counts them."""

    runs: int
    bytes: int

    def over(self, limits: Limits) -> bool:
        """True when it is more than the server may keep."""
        most_runs, most = limits.server_runs, limits.server_megabytes
        too_many = most_runs is not None and self.runs > most_runs
        return too_many or (most is not None and self.bytes > 1_000_000 * most)


def kept(store: Store) -> Kept:
    """The runs and bytes that this server keeps now. Raises StoreError."""
    with store.transaction() as connection:
        count = connection.execute(sa.select(sa.func.count(schema.runs.c.number))).scalar_one()
        return Kept(int(count), kept_bytes(connection))


def make_room(store: Store, limits: Limits) -> int:
    """Remove runs and data sets until the rest may stay; returns how many. Raises StoreError.

    First what was deleted, then what absent visitors keep, of those first who were here last, and
    of each the oldest first. What trains stays, and what belongs to no visitor.
    """
    if limits.server_runs is None and limits.server_megabytes is None:
        return 0
    now, removed = kept(store), 0
    if now.over(limits):
        removed += store.purge(UNDO)
        now = kept(store)
    if not now.over(limits):
        return removed
    for kind, name, size in _removable(store):
        if kind == "run":
            store.delete(name)
        else:
            with store.transaction() as connection:
                table = schema.datasets
                connection.execute(table.delete().where(table.c.number == int(name)))
        removed += 1
        now = Kept(now.runs - (kind == "run"), now.bytes - size)
        if not now.over(limits):
            break
    return removed


def _removable(store: Store) -> Iterator[tuple[str, str, int]]:
    """The things that absent visitors keep, in the order in which they go: kind, name and bytes."""
    visitors = schema.visitors.c
    absent = sa.select(visitors.owner).where(visitors.seen < datetime.now(UTC) - ABSENT)
    with store.transaction() as connection:
        owners = connection.execute(absent.order_by(visitors.seen)).scalars().all()
    for owner in owners:
        yield from _of_visitor(store, owner)


def _of_visitor(store: Store, owner: str) -> list[tuple[str, str, int]]:
    runs, snapshots, data = schema.runs.c, schema.snapshots.c, schema.datasets.c
    weights = (
        sa.select(sa.func.coalesce(sa.func.sum(snapshots.bytes), 0))
        .where(snapshots.run == runs.id)
        .scalar_subquery()
    )
    of_data = sa.select(data.number, data.bytes).where(data.owner == owner)
    with store.transaction() as connection:
        state = sa.func.coalesce(blob_bytes(connection, runs.checkpoint), 0)
        of_runs = sa.select(runs.id, weights + state + STEP_BYTES * runs.step).where(
            runs.owner == owner, runs.status.not_in(ACTIVE)
        )
        all_runs = connection.execute(of_runs.order_by(runs.number)).all()
        all_data = connection.execute(of_data.order_by(data.number)).all()
    found = [("run", str(run), int(size)) for run, size in all_runs]
    return found + [("data set", str(number), int(size)) for number, size in all_data]
