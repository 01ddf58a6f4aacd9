"""The servers that share a database, and what becomes of the runs of one that is gone."""

from __future__ import annotations

import os
import re
import socket
from datetime import UTC, datetime
from typing import Any

import psutil
import sqlalchemy as sa

from mnist_core.storage import event_writer
from mnist_core.storage.schema import runs, servers
from mnist_core.storage.store import ACTIVE, Run, Store
from mnist_core.visitors.last_seen import LastSeen

# A server that can only be judged by its heartbeat is gone after so many seconds without one.
HEARTBEAT_TIMEOUT_SECONDS = 7.0

_last_seen = LastSeen()
# Asked for once: what a process is told of its own start changes when the clock is set.
_STARTED = psutil.Process().create_time()


def register(store: Store, server: str, scheduler: str | None = None) -> None:
    """Tell the other servers on this database that this process, as `server`, lives.

    `scheduler` identifies the one that it has reached.
    """
    values = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_started": _STARTED,
        "heartbeat": datetime.now(UTC),
        "scheduler": scheduler,
    }
    with store.transaction() as connection:
        changed = connection.execute(
            servers.update().where(servers.c.id == server).values(**values)
        )
        if changed.rowcount == 0:
            connection.execute(servers.insert().values(id=server, **values))


def unregister(store: Store, server: str) -> None:
    """Tell the other servers that `server` has ended."""
    with store.transaction() as connection:
        connection.execute(servers.delete().where(servers.c.id == server))


def living(store: Store) -> set[str]:
    """The servers on this database that live."""
    return {row.id for row in _rows(store) if _is_alive(row)}


def sharing_workers(store: Store, server: str) -> set[str]:
    """The servers that have reached the same scheduler as this one, itself included."""
    of_this = sa.select(servers.c.scheduler).where(servers.c.id == server).scalar_subquery()
    query = sa.select(servers.c.id).where(servers.c.scheduler == of_this)
    with store.transaction() as connection:
        return {server, *connection.execute(query).scalars()}


def mark_interrupted(store: Store) -> None:
    """Say of runs whose server is gone that they were interrupted."""
    # The runs first: a server that starts just now is then among the servers.
    active = store.active_runs()
    rows = _rows(store)
    alive = {row.id for row in rows if _is_alive(row)}
    for run in active:
        if run.server not in alive:
            _mark(store, run)
    gone = [row.id for row in rows if row.id not in alive]
    if gone:
        with store.transaction() as connection:
            connection.execute(servers.delete().where(servers.c.id.in_(gone)))


def _mark(store: Store, run: Run) -> None:
    """Unless it has ended, or another server has taken it up, since it was looked at."""
    still = (runs.c.id == run.id) & (runs.c.server == run.server) & runs.c.status.in_(ACTIVE)
    with store.transaction() as connection:
        event_writer.update(
            connection,
            still,
            status="stopped",
            message=_interrupted_message(run),
            interrupted=True,
            ended=datetime.now(UTC),
        )


def what_is_left(run: Run) -> str:
    """Sentences about what a run that ended in mid-training still has, for its message."""
    kept = "The curve up to there is kept."
    if run.checkpoint_step is None:
        return f"{kept} Start it again."
    return f"{kept} {_CAN_RESUME.format(f'{run.checkpoint_step:,}')}"


def message_now(run: Run) -> str:
    """The message of a run's end, without the snapshot that has gone since."""
    if run.checkpoint_step is not None:
        return run.message
    return _SAID.sub("", run.message).strip()


_CAN_RESUME = "It can be resumed from step {}, its last snapshot."
_SAID = re.compile(re.escape(_CAN_RESUME).replace(r"\{\}", "[0-9,]+"))


def _rows(store: Store) -> list[Any]:
    with store.transaction() as connection:
        return list(connection.execute(sa.select(servers)))


def _is_alive(row: Any) -> bool:
    heard = _last_seen.seconds(row.id, row.heartbeat) < HEARTBEAT_TIMEOUT_SECONDS
    if row.host != socket.gethostname():
        return heard
    if row.pid == os.getpid():
        # Else a server of an earlier life, as in a container, where numbers repeat.
        return bool(row.process_started == _STARTED)
    try:
        started = psutil.Process(row.pid).create_time()
    except psutil.Error:
        return False
    # Another process may have got the same number since; or the clock was set, and the same
    # process now seems to have started at another time. Its heartbeat tells.
    return abs(started - row.process_started) < 1 or heard


def _interrupted_message(run: Run) -> str:
    if run.step == 0:
        return "Interrupted: the server went down before this run started. Start it again."
    return (
        f"Interrupted: the server went down while this run was at step {run.step:,}. "
        f"{what_is_left(run)}"
    )
