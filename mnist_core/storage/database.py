"""The database itself: opened, begun anew when its file is damaged, its errors as sentences."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mnist_core.base.errors import StoreError, Unavailable
from mnist_core.base.paths import private_file, private_folder
from mnist_core.storage import recovery, schema

log = logging.getLogger(__name__)

# How long a statement waits for another one's lock.
BUSY_SECONDS = 5


# SQLite's primary result codes that say so, each with its sentence.
_UNAVAILABLE = {
    sqlite3.SQLITE_FULL: "The disk is full: {place} cannot grow. Free some space.",
    sqlite3.SQLITE_BUSY: "Another program keeps the database {place} locked. Close it there.",
    sqlite3.SQLITE_LOCKED: "Another program keeps the database {place} locked. Close it there.",
    sqlite3.SQLITE_READONLY: "The database {place} cannot be written. Make it writable, and the "
    "folder it is in.",
    sqlite3.SQLITE_IOERR: "The disk does not read or write the database {place}. Check it.",
    sqlite3.SQLITE_CANTOPEN: "The database {place} can no longer be opened. Restore its "
    "folder, or restart the server.",
    **dict.fromkeys(
        recovery.DAMAGED,
        "The database {place} is damaged. Restart the server: it keeps the file under another "
        "name and continues with everything that can be read.",
    ),
}
_AWAY = "The database does not respond at the moment; nothing is lost."
_NO_ANSWER = (
    "The database in MNIST_LAB_DATABASE does not respond. Start it, or check the setting; "
    "the server's log says more."
)
_MISSING = (
    "The file {file} with all runs is no longer in its place. Put it back before the server "
    "restarts, or they are lost."
)
_REPLACED = (
    "Another file has replaced {file}. Put the original back, or restart the server to open "
    "this one."
)
# How long a database on the network may take to answer, and how soon a broken line is noticed.
CONNECT_SECONDS = 5
_NOTICE_A_BROKEN_LINE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
_SAID_AT_THE_START = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL)


def open_database(url: str | None, folder: Path) -> tuple[sa.Engine, str]:
    """Open or create the database at `url`, by default `lab.db` in `folder`, with all tables.

    Also returns a sentence for the person when a damaged file had to be put aside, else "".
    Raises StoreError when there is no database to be had.
    """
    where, notice = url or f"sqlite:///{folder / 'lab.db'}", ""
    try:
        if url is None:
            private_folder(folder)
        path = _file(where)
        # A file that somebody named by mistake is no database of ours: it stays where it is.
        if path and recovery.looks_damaged(path) and (url is None or recovery.is_sqlite(path)):
            notice = _begin_anew(path)
        if path:
            _make_private(path)
        engine = _connect(where)
        _make_tables(engine)
        return engine, notice
    except (OSError, SQLAlchemyError, ImportError, sqlite3.Error) as error:
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        if isinstance(error, SQLAlchemyError) and code in _SAID_AT_THE_START:
            raise explain(error, engine) from error
        if isinstance(error, sa.exc.OperationalError) and code is None:
            log.warning("the database does not answer: %s", error.orig)
            raise Unavailable(_NO_ANSWER) from error
        raise StoreError(_cannot_open(url, folder, error)) from error


def _make_private(path: Path) -> None:
    """Before SQLite opens the file: what it makes beside it gets the same mode."""
    with suppress(OSError):  # SQLite says what is wrong with such a place
        private_file(path)
        for end in recovery.COMPANIONS:
            if (companion := Path(f"{path}{end}")).exists():
                private_file(companion)


def explain(error: SQLAlchemyError, engine: sa.Engine) -> StoreError:
    """The database's refusal as an error with a sentence."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlite_errorcode", None)
    path = _file(engine.url)
    if code is not None:
        if path is not None and recovery.is_damaged(cause):
            recovery.note_damage(path)
        sentence = _UNAVAILABLE.get(code & 0xFF)
        if sentence is not None:
            return Unavailable(sentence.format(place=path or engine.url.database))
    # What a driver says, addresses among it, is for whoever runs the server.
    reason = str(cause or error).strip().rstrip(".")
    elsewhere = code is None and isinstance(error, DBAPIError | sa.exc.TimeoutError)
    passing = elsewhere and not isinstance(error, sa.exc.DataError | sa.exc.IntegrityError
                                           | sa.exc.ProgrammingError)  # fmt: skip
    if passing:
        log.warning("the database does not answer: %s", reason)
        return Unavailable(_AWAY)
    log.warning("the database refuses: %s", reason)
    return StoreError("The database rejected this. The server's log says why.")


class DatabaseFile:
    """The file of an SQLite database as it was opened: is it still the one in its place?

    SQLite itself goes on writing into a file that was moved or deleted, and tells nobody.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._opened = path, _identity(path)

    def check(self) -> None:
        """Raise Unavailable when the file has been moved, deleted or replaced since."""
        there = _identity(self._path)
        if there != self._opened:
            sentence = _MISSING if there is None else _REPLACED
            raise Unavailable(sentence.format(file=self._path))


def database_file(engine: sa.Engine) -> DatabaseFile | None:
    """The file of a database that has one."""
    path = _file(engine.url)
    return None if path is None else DatabaseFile(path)


def _identity(path: Path) -> tuple[int, int] | None:
    """The identity of a file, unlike any other's; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_tables(engine: sa.Engine) -> None:
    try:
        schema.metadata.create_all(engine)
    except SQLAlchemyError:  # another server may have made them in the same moment
        schema.metadata.create_all(engine)
    schema.upgrade(engine)


def _connect(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        options = {"connect_timeout": CONNECT_SECONDS} | _NOTICE_A_BROKEN_LINE
        options = options if url.startswith("postgresql") else {}
        return sa.create_engine(url, pool_pre_ping=True, connect_args=options)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # WAL: readers never wait for the writer. NORMAL: a commit survives the death of any
        # process; only a power cut may lose the last moments, never the file.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _begin_anew(path: Path) -> str:
    """Put what can be read of a damaged file in its place; the file itself is kept beside it."""
    before = path.stat().st_ino
    begun = path.with_name(f"{path.name}-{secrets.token_hex(4)}")
    try:
        private_file(begun)
        recovery.copy_readable(path, begun)
        rest = "Everything that could be read is here; curves may have gaps."
    except (sqlite3.Error, OSError) as error:
        log.warning("nothing of %s could be read: %s", path, error)
        begun.unlink(missing_ok=True)
        rest = "Nothing in it could be read, so this lab starts empty."
    if not path.exists() or path.stat().st_ino != before:
        begun.unlink(missing_ok=True)  # another server has done so meanwhile
        return ""
    kept = recovery.put_aside(path)
    if begun.exists():
        begun.rename(path)
    log.error("%s was damaged; it is kept as %s", path, kept)
    return f"The file with your runs was damaged. It is kept as {kept}. {rest}"


def _file(url: str | sa.URL) -> Path | None:
    """The file of an SQLite database; None for others, and for one in memory."""
    parts = sa.make_url(url)
    name = parts.database
    if parts.get_backend_name() != "sqlite" or not name or name.startswith(("file:", ":")):
        return None
    return Path(name)


def _cannot_open(url: str | None, folder: Path, error: Exception) -> str:
    reason = str(getattr(error, "orig", None) or error)
    if url is None:
        return (
            f"The folder {folder} cannot store your runs ({reason}). Make it writable, or set "
            "MNIST_LAB_HOME to a folder that is."
        )
    try:
        url = sa.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        url = "in MNIST_LAB_DATABASE"
    return f"The database {url} cannot be opened ({reason}). Check MNIST_LAB_DATABASE."
