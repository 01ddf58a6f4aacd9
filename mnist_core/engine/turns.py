"""Turns in the queue as the database keeps them, for all servers that share a scheduler."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from mnist_core.engine.run_queue import Ticket
from mnist_core.storage import schema
from mnist_core.storage.store import ACTIVE, Store

# Parties whose last turn is so many turns ago count as never served.
REMEMBERED = 10_000


def tickets(store: Store, servers: Collection[str]) -> list[Ticket]:
    """The runs of these servers that wait or train, in the order in which they were queued.

    A paused run that has given its worker away waits for its person, and has none.
    """
    runs, visitors = schema.runs.c, schema.visitors.c
    since = sa.func.coalesce(runs.queued, runs.created)
    columns = (runs.id, runs.owner, visitors.address, runs.study, runs.turn)
    query = (
        sa.select(*columns)
        .select_from(schema.runs.outerjoin(schema.visitors, visitors.owner == runs.owner))
        .where(runs.status.in_(ACTIVE), runs.server.in_(sorted(servers)))
        .where((runs.status != "paused") | runs.turn.is_not(None))
        .order_by(since, runs.number)
    )
    with store.transaction() as connection:
        return [Ticket(*row) for row in connection.execute(query)]


def served(store: Store, waiting: Sequence[Ticket]) -> dict[str, int]:
    """The last turn of each party to these tickets that had one."""
    parties = sorted({party for ticket in waiting for party in ticket.parties})
    table = schema.turns
    query = sa.select(table.c.party, table.c.turn).where(table.c.party.in_(parties))
    with store.transaction() as connection:
        return {row.party: row.turn for row in connection.execute(query)}


def give(store: Store, ticket: Ticket, runs_together: Collection[str] = ()) -> None:
    """Note that it is this run's turn now, and thus its parties'. Raises StoreError.

    `runs_together` are others that one worker trains after it, in the same turn.
    """
    table, runs = schema.turns, schema.runs
    with store.transaction() as connection:
        last = connection.execute(sa.select(sa.func.max(table.c.turn))).scalar() or 0
        turn = last + 1
        of_turn = runs.c.id.in_([ticket.run, *runs_together])
        connection.execute(runs.update().where(of_turn).values(turn=turn))
        for party in ticket.parties:
            _note(connection, party, turn)
        connection.execute(table.delete().where(table.c.turn <= turn - REMEMBERED))


def _note(connection: sa.Connection, party: str, turn: int) -> None:
    table = schema.turns
    change = table.update().where(table.c.party == party).values(turn=turn)
    if connection.execute(change).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(table.insert().values(party=party, turn=turn))
    except IntegrityError:  # another server has just served the same party
        connection.execute(change)
