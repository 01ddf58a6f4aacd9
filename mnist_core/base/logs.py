"""The server's log: one line an event, with the run and study that it is about.

`MNIST_LAB_LOG=json` makes each line a JSON object, for programs that gather logs.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

SETTING = "MNIST_LAB_LOG"
FORMS = ("text", "json")
OURS = ("mnist_core", "pages")
FIELDS = ("run", "study", "server", "worker")
NAME = "mnist-lab"
# How many warnings and errors are at hand for the status view.
KEPT = 20
# A warning or an error is written once in so many seconds, however often it comes.
REPEAT_SECONDS = 60.0
# Kinds of lines that are held apart; far more than there are in the code.
MOST_KINDS = 1000

_about: ContextVar[dict[str, str]] = ContextVar("about", default={})  # noqa: B039 - never changed


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Lines written in this block, by this thread, carry these of `FIELDS`."""
    token = _about.set(_about.get() | fields)
    try:
        yield
    finally:
        _about.reset(token)


@dataclass(frozen=True)
class Entry:
    """A line of the log that is a warning or an error; `where` are its fields as text."""

    when: datetime
    level: str
    message: str
    where: str


def configure(stream: TextIO | None = None) -> None:
    """Write the log to `stream`, by default standard error; does nothing the second time.

    Streamlit's own lines keep their form: its loggers pass nothing on.
    """
    root = logging.getLogger()
    if any(handler.name == NAME for handler in root.handlers):
        return
    handler = _Handler(stream)
    handler.name = NAME
    handler.addFilter(_is_of_use)
    handler.addFilter(_add_fields)
    handler.addFilter(Repeats())
    handler.setFormatter(_Json() if form() == "json" else _Text())
    root.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def form() -> str:
    """The form of the lines, one of `FORMS`."""
    chosen = os.environ.get(SETTING, "").strip().lower()
    return chosen if chosen in FORMS else FORMS[0]


def recent_errors() -> list[Entry]:
    """The newest warnings and errors of this process, newest first."""
    return list(reversed(_recent_errors))


_recent_errors: deque[Entry] = deque(maxlen=KEPT)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes, and keeps warnings and errors; standard error is whatever it is at the time."""

    def __init__(self, stream: TextIO | None) -> None:
        logging.Handler.__init__(self)
        self._stream = stream

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return self._stream or sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if record.levelno >= logging.WARNING:
            where = " ".join(f"{name} {value}" for name, value in _fields(record).items())
            message = _one_line(record.getMessage())
            if record.exc_info and record.exc_info[1] is not None:
                message += f" ({_one_line(repr(record.exc_info[1]))[:300]})"
            _recent_errors.append(Entry(_moment(record), record.levelname.lower(), message, where))


class Repeats(logging.Filter):
    """Lets one warning of a kind through in `REPEAT_SECONDS`; the next one says how many came.

    Lines are of a kind when logger, text before its values, error and `FIELDS` are the same. So
    a database that is away, or a browser that sends nonsense, does not fill the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        # kind → (when a line was last written, how many were not since)
        self._kinds: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True when the line is to be written."""
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[0] if record.exc_info else None
        kind = (record.name, str(record.msg), error, *_fields(record).values())
        now = time.monotonic()
        with self._lock:
            written, others = self._kinds.get(kind, (-REPEAT_SECONDS, 0))
            if now - written < REPEAT_SECONDS:
                self._kinds[kind] = (written, others + 1)
                return False
            if len(self._kinds) >= MOST_KINDS:
                self._kinds.clear()
            self._kinds[kind] = (now, 0)
        if others:
            record.msg = f"{record.getMessage()} (and {others:,} more like this since the last)"
            record.args = ()
        return True


def _is_of_use(record: logging.LogRecord) -> bool:
    """Of other people's libraries, only what warns: Dask tells of each connection."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OURS


def _add_fields(record: logging.LogRecord) -> bool:
    for name, value in _about.get().items():
        if not hasattr(record, name):
            setattr(record, name, value)
    return True


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in FIELDS if getattr(record, name, None)}


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _one_line(text: str) -> str:
    """Whatever a message quotes, it cannot pass for another line of the log."""
    return " ".join(text.splitlines())


class _Text(logging.Formatter):
    """`time level logger: message key=value`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        when = _moment(record).isoformat(sep=" ", timespec="milliseconds")
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        message = _one_line(record.getMessage())
        line = f"{when} {record.levelname:<7} {record.name}: {message}{fields}"
        if record.exc_info:
            line += "\n  " + self.formatException(record.exc_info).replace("\n", "\n  ")
        return line


class _Json(logging.Formatter):
    """`time`, `level`, `logger`, `process` (its id), `message`, `FIELDS`, `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _moment(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
