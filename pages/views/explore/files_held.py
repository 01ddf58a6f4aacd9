"""The memory that opened runs take, bounded for a session and for all sessions together."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from mnist_core.base.untrusted import MEGABYTE, FileRefused
from mnist_core.files.runfile import RunFile
from mnist_core.visitors.limits import current

# A run file unpacks to as much as 250 MB, and is copied meanwhile: one at a time.
unpacking = threading.Lock()
# Facts take about ten times their JSON as Python's objects.
FACTS_RATIO = 10

_lock = threading.Lock()
# Bytes by run; a run that no session holds any more leaves by itself.
_held: WeakKeyDictionary[RunFile, int] = WeakKeyDictionary()


def bounds() -> tuple[float, float]:
    """The most bytes of a session's runs, and of all: as much again as its uploads may take."""
    limits = current()
    session, server = limits.session_upload_megabytes, limits.server_upload_megabytes
    return (
        math.inf if session is None else MEGABYTE * session,
        math.inf if server is None else MEGABYTE * server,
    )


def held_bytes(run: RunFile) -> int:
    """The memory that a run takes, roughly."""
    return run.bytes + FACTS_RATIO * len(run.facts.model_dump_json())


def hold(run: RunFile, mine: Iterable[RunFile]) -> None:
    """Count a run until it is let go; `mine` are the runs that its session holds already.

    Raises FileRefused when there is no memory for it.
    """
    size, (session, server) = held_bytes(run), bounds()
    with _lock:
        if sum(_held.get(other, 0) for other in mine) + size > session:
            raise FileRefused(
                f"These files together hold more than {session / MEGABYTE:,.0f} MB. Add them to "
                "your runs a few at a time."
            )
        if sum(_held.values()) + size > server:
            raise FileRefused(
                "The files that all visitors have open fill this server's memory. Take it away, "
                "and add it again in a few minutes."
            )
        _held[run] = size
