"""Limits on what all visitors from one network address may ask for together.

Whoever drops their cookie is a new visitor, and has a new visitor's share: these limits hold for
all of an address, and are wide enough for a school behind one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mnist_core.storage import schema
from mnist_core.storage.store import ACTIVE, Store
from mnist_core.visitors.kept_bytes import kept_bytes
from mnist_core.visitors.limits import Limits

WINDOW = timedelta(hours=1)
# After so long a visitor who keeps nothing is forgotten.
IDLE = timedelta(days=1)
# So many are looked at in one go.
MOST_IDLE = 5_000


def is_full(connection: sa.Connection, address: str | None, limits: Limits) -> bool:
    """True when so many new visitors have come from the address that no more are taken in."""
    if address is None or limits.address_visitors is None:
        return False
    table = schema.visitors.c
    new = sa.select(sa.func.count()).where(
        table.address == address, table.came > datetime.now(UTC) - WINDOW
    )
    return int(connection.execute(new).scalar_one()) >= limits.address_visitors


def newcomer_problem(store: Store, owner: str, address: str | None, limits: Limits) -> str | None:
    """The reason why a visitor who was not taken in cannot start or keep anything, or None."""
    if address is None or limits.address_visitors is None:
        return None
    known = sa.select(schema.visitors.c.owner).where(schema.visitors.c.owner == owner)
    with store.transaction() as connection:
        if connection.execute(known).first() is not None:
            return None
    return (
        f"This server’s limit of {limits.address_visitors:,} new visitors per hour from your "
        "network address is reached. You can read, draw and look at everything; to train or "
        "save something, come back later, and let your browser keep this page’s cookie."
    )


def start_problem(store: Store, address: str | None, limits: Limits) -> str | None:
    """The reason why nobody at the address can start a run just now, or None."""
    if address is None:
        return None
    runs, theirs = schema.runs.c, schema.runs.c.owner.in_(_visitors_at(address))
    active = sa.select(sa.func.count()).where(theirs, runs.status.in_(ACTIVE))
    # The trials of a study were started once, as one.
    started = sa.select(sa.func.count()).where(
        theirs, runs.queued > datetime.now(UTC) - WINDOW, runs.study.is_(None)
    )
    with store.transaction() as connection:
        if _reached(connection, active, limits.address_runs):
            return (
                f"This server’s limit of {limits.address_runs:,} queued or training runs from one "
                "network address is reached. Try again in a few minutes."
            )
        if _reached(connection, started, limits.address_starts):
            return (
                f"This server’s limit of {limits.address_starts:,} runs started per hour from one "
                "network address is reached. Try again later."
            )
    return None


def kept_problem(store: Store, address: str | None, limits: Limits, size: int) -> str | None:
    """The reason why nobody at the address can keep `size` bytes more, or None."""
    if address is None or limits.address_megabytes is None:
        return None
    with store.transaction() as connection:
        kept = kept_bytes(connection, _visitors_at(address))
    if kept + size <= 1_000_000 * limits.address_megabytes:
        return None
    return (
        f"The visitors at your network address store {kept / 1_000_000:,.0f} MB together; "
        f"this server’s limit for one address is {limits.address_megabytes:,} MB. Delete some to "
        "continue."
    )


def forget_idle(store: Store) -> int:
    """Forget visitors who keep nothing and have not been here for a while; how many it was."""
    table = schema.visitors
    keeps = [
        sa.exists().where(kept.c.owner == table.c.owner)
        for kept in (
            schema.runs,
            schema.sweeps,
            schema.datasets,
            schema.corrections,
            schema.classrooms,
            schema.pupils,
        )
    ]
    last = datetime.now(UTC) - IDLE
    idle = sa.select(table.c.owner).where(table.c.seen < last, *(~kept for kept in keeps))
    with store.transaction() as connection:
        gone = connection.execute(idle.limit(MOST_IDLE)).scalars().all()
        if gone:
            still = table.c.owner.in_(gone) & (table.c.seen < last)
            connection.execute(table.delete().where(still))
    return len(gone)


def _visitors_at(address: str) -> sa.Select[tuple[Any]]:
    return sa.select(schema.visitors.c.owner).where(schema.visitors.c.address == address)


def _reached(connection: sa.Connection, count: sa.Select[Any], most: int | None) -> bool:
    return most is not None and int(connection.execute(count).scalar_one()) >= most
