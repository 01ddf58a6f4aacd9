"""The state of a server, for whoever runs it: queue, workers, memory, versions, disk, errors.

Of the runs it tells ids and states, never whose they are or what they are called.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import sqlalchemy as sa

from mnist_core.base import logs, packages
from mnist_core.base.paths import home
from mnist_core.engine import certificates, worker_main
from mnist_core.engine.engine import WorkerInfo
from mnist_core.storage import schema
from mnist_core.storage.store import Run, Store
from mnist_core.visitors import heartbeat

PACKAGES = ("streamlit", "tensorflow", "keras", "distributed", "sqlalchemy")
# A visitor who had a page open within this time counts as being here.
HERE = timedelta(minutes=5)
MOST_TROUBLE = 10


@dataclass(frozen=True)
class Process:
    """A server or a worker. `memory` is its resident set in bytes, None on another machine."""

    where: str
    memory: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Waiting:
    """A run that waits or trains, in the order of the queue; `seconds` since it was queued."""

    run: str
    status: str
    step: int
    total_steps: int
    seconds: float
    worker: str | None


@dataclass(frozen=True)
class RecentError:
    """Something that went wrong: a run that failed, or a line of the server's log."""

    when: datetime
    what: str


@dataclass(frozen=True)
class Status:
    """The state of the server; sizes in bytes, None where this database or machine does not tell.

    `visitors` had a page open within `HERE` (a shared server notes them); `sessions` are the
    pages connected to the server that asks.
    """

    versions: dict[str, str]
    database: str
    database_size: int | None
    runs: dict[str, int]
    queue: list[Waiting]
    servers: list[Process]
    workers: list[Process]
    visitors: int
    sessions: int | None
    disk_free: int
    disk_size: int
    memory_free: int
    memory_size: int
    errors: list[RecentError]
    warnings: list[str] = field(default_factory=list)
    when: datetime = field(default_factory=lambda: datetime.now(UTC))


def look(store: Store, workers: Sequence[WorkerInfo] = (), sessions: int | None = None) -> Status:
    """Gather all of it; `workers` are those that a scheduler knows, if one was asked.

    Raises StoreError.
    """
    here, children = _servers(store)
    disk, memory = shutil.disk_usage(_existing(home())), psutil.virtual_memory()
    known = [Process(each.address, each.memory or None, each.threads) for each in workers]
    return Status(
        versions=_versions(),
        database=_database(store),
        database_size=_database_size(store),
        runs=_counts(store),
        queue=[_waiting(run) for run in store.active_runs()],
        servers=here,
        workers=known or children,
        visitors=_visitors(store),
        sessions=sessions,
        disk_free=disk.free,
        disk_size=disk.total,
        memory_free=memory.available,
        memory_size=memory.total,
        errors=_errors(store),
        warnings=_warnings(),
    )


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    return found | {name: packages.installed(name) or "missing" for name in PACKAGES}


def _servers(store: Store) -> tuple[list[Process], list[Process]]:
    """The servers that live, and the workers of those on this machine."""
    living = heartbeat.living(store)
    with store.transaction() as connection:
        rows = [row for row in connection.execute(sa.select(schema.servers)) if row.id in living]
    found, children = [], []
    for row in rows:
        where = f"{row.host}, process {row.pid}"
        if row.host != socket.gethostname():
            found.append(Process(where))
            continue
        try:
            process = psutil.Process(row.pid)
            found.append(Process(where, process.memory_info().rss, process.num_threads()))
            children += [
                _worker(each) for each in process.children(recursive=True) if _trains(each)
            ]
        except psutil.Error:
            continue
    return found, children


def _trains(process: psutil.Process) -> bool:
    # By name on Linux, where a forked process has the command line of the fork server.
    return process.name() == worker_main.NAME or worker_main.__name__ in process.cmdline()


def _worker(process: psutil.Process) -> Process:
    return Process(f"process {process.pid}", process.memory_info().rss, process.num_threads())


def _waiting(run: Run) -> Waiting:
    since = (datetime.now(UTC) - (run.queued or run.created)).total_seconds()
    return Waiting(run.id, run.status, run.step, run.total_steps, since, run.worker)


def _database(store: Store) -> str:
    dialect = store.engine.dialect
    if dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    number = ".".join(str(part) for part in dialect.server_version_info or ())
    return f"{dialect.name} {number}".strip()


def _database_size(store: Store) -> int | None:
    name = store.engine.url.database
    if store.engine.dialect.name == "sqlite" and name:
        parts = [Path(name), Path(f"{name}-wal")]
        return sum(part.stat().st_size for part in parts if part.exists())
    if store.engine.dialect.name == "postgresql":
        with store.transaction() as connection:
            size = connection.execute(sa.text("select pg_database_size(current_database())"))
            return int(size.scalar_one())
    return None


def _counts(store: Store) -> dict[str, int]:
    status = schema.runs.c.status
    query = sa.select(status, sa.func.count()).group_by(status).order_by(status)
    with store.transaction() as connection:
        return {name: int(count) for name, count in connection.execute(query)}


def _visitors(store: Store) -> int:
    since = datetime.now(UTC) - HERE
    query = sa.select(sa.func.count()).where(schema.visitors.c.seen > since)
    with store.transaction() as connection:
        return int(connection.execute(query).scalar_one())


def _errors(store: Store) -> list[RecentError]:
    """The newest errors: in the log of this process, and of anybody's runs."""
    table = schema.runs
    query = sa.select(table.c.id, table.c.ended, table.c.message)
    query = query.where(table.c.status == "failed", table.c.ended.is_not(None))
    with store.transaction() as connection:
        rows = connection.execute(query.order_by(table.c.ended.desc()).limit(MOST_TROUBLE)).all()
    failed = [RecentError(row.ended, f"run {row.id}: {row.message}") for row in rows]
    logged = [
        RecentError(entry.when, f"{entry.level} {entry.message} {entry.where}".strip())
        for entry in logs.recent_errors()
    ]
    newest = sorted([*failed, *logged], key=lambda error: error.when, reverse=True)
    return newest[:MOST_TROUBLE]


def _warnings() -> list[str]:
    """Sentences about mistakes in the way this server is set up."""
    scheduler = os.environ.get("MNIST_LAB_SCHEDULER")
    warning = certificates.warning_about(scheduler) if scheduler else None
    return [warning] if warning else []


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


# For people


@dataclass(frozen=True)
class Section:
    """A heading and its rows, each a label and a text; `empty` is what to say without any."""

    title: str
    rows: list[tuple[str, str]]
    empty: str = ""


def sections(status: Status) -> list[Section]:
    """The status as text, the same on the page and in the terminal."""
    warnings = [Section("Warnings", [("Network", each) for each in status.warnings])]
    return [
        *(warnings if status.warnings else []),
        Section("Queue", [(run.run, _queued(run)) for run in status.queue], "No runs are queued."),
        Section("Servers", _processes(status.servers), "No server runs on this database."),
        Section("Workers", _processes(status.workers), "No process trains."),
        Section("Use", _use(status)),
        Section("Room", _room(status)),
        Section("Versions", list(status.versions.items())),
        Section(
            "Last errors",
            [
                (f"{_span((status.when - each.when).total_seconds())} ago", each.what)
                for each in status.errors
            ],
            "None.",
        ),
    ]


def text(status: Status) -> str:
    """For a terminal."""
    parts = []
    for section in sections(status):
        width = max((len(label) for label, _ in section.rows), default=0)
        lines = [f"  {label:<{width}}  {said}" for label, said in section.rows]
        parts.append("\n".join([section.title, *(lines or [f"  {section.empty}"])]))
    return "\n\n".join(parts)


def _queued(run: Waiting) -> str:
    since = f"queued {_span(run.seconds)} ago"
    if run.status == "queued":
        return f"waits, {since}"
    of = f"step {run.step:,} of {run.total_steps:,}"
    return f"{run.status}, {of}, on {run.worker or 'no worker'}, {since}"


def _processes(processes: Sequence[Process]) -> list[tuple[str, str]]:
    rows = []
    for each in processes:
        memory = "memory unknown here" if each.memory is None else size(each.memory)
        threads = f", {each.threads} threads" if each.threads else ""
        rows.append((each.where, f"{memory}{threads}"))
    return rows


def _use(status: Status) -> list[tuple[str, str]]:
    counts = ", ".join(f"{count:,} {name}" for name, count in status.runs.items())
    rows = [("Runs kept", counts or "none")]
    if status.sessions is not None:
        rows.append(("Pages open", f"{status.sessions:,}"))
    minutes = HERE.total_seconds() / 60
    if status.visitors:
        rows.append(("Visitors", f"{status.visitors:,} in the last {minutes:.0f} minutes"))
    return rows


def _room(status: Status) -> list[tuple[str, str]]:
    kept = "size unknown" if status.database_size is None else size(status.database_size)
    return [
        ("Database", f"{status.database}, {kept}"),
        ("Disk", f"{size(status.disk_free)} free of {size(status.disk_size)}"),
        ("Memory", f"{size(status.memory_free)} free of {size(status.memory_size)}"),
    ]


def size(count: int) -> str:
    """Bytes for people: "1.4 GB"."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _span(seconds: float) -> str:
    seconds = max(0, round(seconds))
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
