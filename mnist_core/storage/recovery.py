"""A damaged SQLite file: noticed, put aside under another name, and read as far as it can be."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_core.base.paths import private_file

log = logging.getLogger(__name__)

# SQLite's primary result codes for a file that is damaged, or no database at all.
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# Files up to this size are looked through at each start; a larger one once it has given trouble.
SMALL_BYTES = 64_000_000
# What SQLite keeps beside the file.
COMPANIONS = ("-wal", "-shm", "-journal")
# A gap in the numbers of a table's rows that is taken for its end.
WIDEST_GAP = 1 << 24
_HEADER = b"SQLite format 3\x00"


def is_damaged(error: BaseException | None) -> bool:
    """True when SQLite says with `error` that the file is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in DAMAGED


def note_damage(path: Path) -> None:
    """Have the file looked through when it is next opened, however large it is."""
    with suppress(OSError):
        private_file(_mark(path))


def looks_damaged(path: Path) -> bool:
    """True when the file is there and SQLite cannot read all of it."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    whole = path.stat().st_size <= SMALL_BYTES or _mark(path).exists()
    try:
        with closing(_to_read(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            found = connection.execute("PRAGMA quick_check(20)").fetchall() if whole else []
    except sqlite3.Error as error:
        return is_damaged(error)
    # It also tells of values that break a rule of their table; those can be read.
    if any("***" in text or "Tree " in text for (text,) in found):
        return True
    _mark(path).unlink(missing_ok=True)
    return False


def is_sqlite(path: Path) -> bool:
    """True when the file begins as an SQLite database does."""
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def put_aside(path: Path) -> Path:
    """Give the file, and what SQLite keeps beside it, a name that is free; returns it."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    names = (path.with_name(f"{path.stem}-damaged-{stamp}{more}{path.suffix}")
             for more in ["", *(f"-{number}" for number in range(2, 1000))])  # fmt: skip
    kept = next(name for name in names if not name.exists())
    path.rename(kept)
    for end in COMPANIONS:
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{kept}{end}")
    _mark(path).unlink(missing_ok=True)
    return kept


def copy_readable(damaged: Path, new: Path) -> None:
    """Copy every table and row that can be read into the new file. Changes nothing in the old."""
    with (
        closing(_to_read(damaged)) as source,
        closing(sqlite3.connect(new)) as target,
    ):
        # Lets SQLite read a file that ends too early.
        source.execute("PRAGMA writable_schema = ON")
        schema = "SELECT name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL"
        tables = [(name, sql) for name, sql in source.execute(schema, ("table",))
                  if not name.startswith("sqlite_")]  # fmt: skip
        for name, sql in tables:
            target.execute(sql)
            for row in _rows(source, name):
                places = ",".join("?" * len(row))
                with suppress(sqlite3.IntegrityError):
                    target.execute(f"INSERT INTO {_quoted(name)} VALUES ({places})", row)  # noqa: S608 - a name from the file, quoted
        for _, sql in source.execute(schema, ("index",)).fetchall():
            target.execute(sql)
        # What belonged to a row that could not be read.
        for table, row, *_ in target.execute("PRAGMA foreign_key_check").fetchall():
            target.execute(f"DELETE FROM {_quoted(table)} WHERE rowid = ?", (row,))  # noqa: S608
        target.commit()


def _to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing: another one would tidy up the file when it closes."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)


def _rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """A table's rows; where it cannot be read, those after the damage."""
    query = f"SELECT rowid, * FROM {_quoted(table)} WHERE rowid > ? ORDER BY rowid"  # noqa: S608
    last, jump = -1, 1
    while jump < WIDEST_GAP:
        try:
            for number, *row in source.execute(query, (last,)):
                last, jump = number, 1
                yield tuple(row)
            return
        except sqlite3.Error as error:
            log.warning("rows of %s after %s cannot be read: %s", table, last, error)
            last, jump = last + jump, 2 * jump


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _mark(path: Path) -> Path:
    return Path(f"{path}-damaged")
