"""Commands to runs that another server on this database trains: left in the database for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mnist_core.storage.schema import commands
from mnist_core.storage.store import Store

MOST_RUNS = 500


def leave(store: Store, run_id: str, command: dict[str, Any]) -> None:
    """Leave a command to the run for the server that trains it. Raises StoreError."""
    with store.transaction() as connection:
        connection.execute(commands.insert().values(run=run_id, command=json.dumps(command)))


def collect(store: Store, runs: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Take what was left for these runs, in order; each command is given out once."""
    if not runs:
        return []
    query = commands.select().where(commands.c.run.in_(runs[:MOST_RUNS]))
    with store.transaction() as connection:
        rows = connection.execute(query.order_by(commands.c.number)).all()
        if rows:
            taken = commands.c.number.in_([row.number for row in rows])
            connection.execute(commands.delete().where(taken))
    return [(row.run, json.loads(row.command)) for row in rows]


def forget(store: Store, run_id: str) -> None:
    """Drop what was left for a run that has ended."""
    with store.transaction() as connection:
        connection.execute(commands.delete().where(commands.c.run == run_id))
