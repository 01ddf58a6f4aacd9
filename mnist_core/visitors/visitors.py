"""The visitors of a shared server: when they were last here, and what each of them keeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from mnist_core.storage import datasets, schema
from mnist_core.storage.store import ACTIVE, Run, Store
from mnist_core.visitors import address_limits
from mnist_core.visitors.kept_bytes import kept_bytes
from mnist_core.visitors.last_seen import LastSeen
from mnist_core.visitors.limits import Limits, current

# How often a visitor's presence is written down.
NOTICE_SECONDS = 10.0
# How long an absent visitor's things stay after they could have gone.
GRACE_SECONDS = 6 * 3600.0
# Of a visitor not asked about for longer it is not known how long they have been away: without the
# database, say, nobody is noticed. Short, lest what waits leaves the queue for it.
FORGOTTEN_SECONDS = 15.0


class Presence:
    """Notes when visitors have a page open, each at most every `NOTICE_SECONDS`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[tuple[str, str | None], float] = {}
        self._lock = threading.Lock()

    def notice(self, owner: str, address: str | None = None) -> None:
        """The visitor has a page open now, at `address`, a digest. Raises StoreError.

        A new one is not taken in where too many have come from there.
        """
        now, who = time.monotonic(), (owner, address)
        with self._lock:
            if now - self._noted.get(who, -NOTICE_SECONDS) < NOTICE_SECONDS:
                return
            self._noted = {
                noted: then for noted, then in self._noted.items() if now - then < NOTICE_SECONDS
            } | {who: now}
        table, seen = schema.visitors, datetime.now(UTC)
        values = {"seen": seen} | ({"address": address} if address else {})
        with self._store.transaction() as connection:
            change = table.update().where(table.c.owner == owner).values(**values)
            if connection.execute(change).rowcount:
                return
            if address_limits.is_full(connection, address, current()):
                return
            # Another server may note the same visitor in this moment.
            there = sa.exists().where(table.c.owner == owner).correlate(None)
            moment, where = sa.literal(seen, schema.UtcTime), sa.literal(address, schema.Words(64))
            new = sa.select(sa.literal(owner), moment, moment, where).where(~there)
            names = ["owner", "seen", "came", "address"]
            connection.execute(table.insert().from_select(names, new))


def last_seen(store: Store, owners: Iterable[str]) -> dict[str, datetime]:
    """The times at which these visitors last had a page open; those never noticed are left out."""
    table = schema.visitors
    query = sa.select(table.c.owner, table.c.seen).where(table.c.owner.in_(sorted(set(owners))))
    with store.transaction() as connection:
        return {row.owner: row.seen for row in connection.execute(query)}


class Absences:
    """For how long visitors have had no page open on any server, whatever the wall clock says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last_seen = LastSeen(FORGOTTEN_SECONDS)

    def seconds(self, owners: Iterable[str]) -> dict[str, float]:
        """Since these visitors were last noticed, 0 when first asked; others are left out.

        To be asked at least every `FORGOTTEN_SECONDS`, else it begins anew. Raises StoreError.
        """
        seen = last_seen(self._store, owners)
        return {owner: self._last_seen.seconds(owner, moment) for owner, moment in seen.items()}


class Forgetting:
    """Removes for good what visitors keep who have had no page open for many days.

    It cannot be taken back, and a wall clock may be wrong: so first `grace_seconds` pass by this
    process's steady clock, in which a visitor may come back.
    """

    def __init__(self, store: Store, grace_seconds: float | None = None) -> None:
        self._store = store
        self._grace = GRACE_SECONDS if grace_seconds is None else grace_seconds
        self._last_seen = LastSeen(longest_gap=GRACE_SECONDS)

    def forget(self, older_than: timedelta) -> int:
        """Remove what may go; of how many visitors it was. Raises StoreError.

        Optuna's own tables keep which settings their studies tried: they say of nobody who it was.
        """
        last = datetime.now(UTC) - older_than
        absent = {owner: seen for owner, seen in self._seen().items() if seen < last}
        due = [
            owner
            for owner, seen in absent.items()
            if self._last_seen.seconds(owner, seen) >= self._grace
        ]
        return sum(_forget(self._store, owner, last) for owner in due)

    def _seen(self) -> dict[str, datetime]:
        with self._store.transaction() as connection:
            rows = connection.execute(sa.select(schema.visitors))
            return {row.owner: row.seen for row in rows}


def _forget(store: Store, owner: str, last: datetime) -> bool:
    """Remove what the visitor keeps, unless they are back by now or something of theirs trains."""
    runs, visitor = schema.runs, schema.visitors
    still_absent = sa.select(visitor.c.owner).where(visitor.c.owner == owner, visitor.c.seen < last)
    theirs = sa.select(runs.c.id, runs.c.status).where(runs.c.owner == owner)
    with store.transaction() as connection:
        if connection.execute(still_absent).first() is None:
            return False
        found = list(connection.execute(theirs))
    if any(run.status in ACTIVE for run in found):
        return False
    for run in found:
        store.delete(run.id)
    with store.transaction() as connection:
        for kept in (schema.sweeps, schema.datasets, schema.corrections, schema.pupils, visitor):
            connection.execute(kept.delete().where(kept.c.owner == owner))
        # Their classes go as all do whose time is over: with the runs in them.
        rooms, now = schema.classrooms, sa.literal(datetime.now(UTC), schema.UtcTime)
        ended = sa.func.coalesce(rooms.c.ended, now)
        connection.execute(
            rooms.update().where(rooms.c.owner == owner).values(ended=ended, until=now)
        )
    return True


@dataclass(frozen=True)
class Usage:
    """The number of runs and data sets that a visitor keeps, and the bytes of all.

    The bytes of those put aside are included.
    """

    runs: int
    bytes: int
    data: int = 0


def usage(store: Store, owner: str) -> Usage:
    """The visitor's usage of this server's storage."""
    runs, data = schema.runs.c, schema.datasets.c
    count = sa.select(sa.func.count()).where(runs.owner == owner, runs.deleted.is_(None))
    sets = sa.select(sa.func.count()).where(data.owner == owner, data.deleted.is_(None))
    with store.transaction() as connection:
        runs_kept, sets_kept = (
            int(connection.execute(query).scalar() or 0) for query in (count, sets)
        )
        size = kept_bytes(connection, sa.select(sa.literal(owner)))
        return Usage(runs_kept, size, sets_kept)


@dataclass(frozen=True)
class Full:
    """A visitor keeps as much as they may; `oldest` is the run to remove first, if any ended."""

    message: str
    oldest: Run | None


def room(store: Store, owner: str, limits: Limits, more: int = 1, size: int = 0) -> Full | None:
    """None when the visitor may keep `more` runs of `size` bytes together, else what is full.

    Runs that they have deleted and could still bring back make room before anything else does.
    """
    if limits.kept_runs is None and limits.kept_megabytes is None:
        return None
    # Of a run that is to be trained the size is not known: it may begin below the limit.
    used, full = _used(store, owner, limits, max(size, 1))
    if limits.kept_runs is not None and used.runs + more > limits.kept_runs:
        kept = f"{used.runs} runs; this server keeps {limits.kept_runs} per visitor"
    elif full:
        kept = (
            f"{used.bytes / 1_000_000:,.0f} MB of runs, data sets and corrections; this server "
            f"keeps {limits.kept_megabytes} MB per visitor"
        )
        if size > 1:
            kept += f", and these are {size / 1_000_000:,.0f} MB more"
    else:
        return None
    return Full(f"You have {kept}. Delete some to continue.", oldest_run(store, owner))


def data_problem(store: Store, owner: str, limits: Limits, size: int) -> str | None:
    """The reason why the visitor cannot keep one more data set of `size` bytes, or None."""
    if limits.kept_data is None and limits.kept_megabytes is None:
        return None
    used, full = _used(store, owner, limits, size)
    if limits.kept_data is not None and used.data >= limits.kept_data:
        return f"You have {used.data} data sets, the most this server keeps. Delete one first."
    if full:
        return (
            f"This data set takes {size / 1_000_000:,.0f} MB and you already store "
            f"{used.bytes / 1_000_000:,.0f} MB; this server keeps {limits.kept_megabytes} MB per "
            "visitor. Delete runs or data sets first."
        )
    return None


def _used(store: Store, owner: str, limits: Limits, size: int) -> tuple[Usage, bool]:
    """The visitor's usage, and True when `size` bytes more are beyond what they may keep.

    What they have put aside goes for good when it has to make room.
    """
    used = usage(store, owner)
    if limits.kept_megabytes is None or used.bytes + size <= 1_000_000 * limits.kept_megabytes:
        return used, False
    datasets.purge(store, owner, timedelta(0))
    store.seen_by(owner).purge(timedelta(0))
    used = usage(store, owner)
    return used, used.bytes + size > 1_000_000 * limits.kept_megabytes


def oldest_run(store: Store, owner: str) -> Run | None:
    """The visitor's oldest run that has ended, None without one."""
    query = (
        sa.select(schema.runs.c.id)
        .where(
            schema.runs.c.owner == owner,
            schema.runs.c.deleted.is_(None),
            schema.runs.c.status.not_in(ACTIVE),
        )
        .order_by(schema.runs.c.number)
        .limit(1)
    )
    with store.transaction() as connection:
        run_id = connection.execute(query).scalar()
    return None if run_id is None else store.run(run_id)
