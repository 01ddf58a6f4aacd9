"""The memory that opened runs take, bounded for a session, an address and all together."""

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
# Bytes and their visitor's address by run; a run that no session holds any more leaves by itself.
_held: WeakKeyDictionary[RunFile, tuple[int, str | None]] = WeakKeyDictionary()


def bounds() -> tuple[float, float, float]:
    """The most bytes of the runs of a session, of an address, and of all.

    Each is as much again as uploads may take.
    """
    limits = current()
    megabytes = (
        limits.session_upload_megabytes,
        limits.address_upload_megabytes,
        limits.server_upload_megabytes,
    )
    session, address, server = (math.inf if most is None else MEGABYTE * most for most in megabytes)
    return session, address, server


def held_bytes(run: RunFile) -> int:
    """The memory that a run takes, roughly."""
    return run.bytes + FACTS_RATIO * len(run.facts.model_dump_json())


def hold(run: RunFile, mine: Iterable[RunFile], address: str | None = None) -> None:
    """Count a run until it is let go; `mine` are the runs that its session holds already.

    `address` is the visitor's, None where that is unknown. Raises FileRefused when there is no
    memory for it.
    """
    size, (session, of_address, server) = held_bytes(run), bounds()
    with _lock:
        if sum(_held[other][0] for other in mine if other in _held) + size > session:
            raise FileRefused(
                f"These files together hold more than {session / MEGABYTE:,.0f} MB. Take some "
                "away, then add this one again."
            )
        everyone = list(_held.values())
        theirs = sum(taken for taken, at in everyone if at == address) if address else 0
        if theirs + size > of_address:
            raise FileRefused(
                f"The open files of all visitors at your network address hold more than "
                f"{of_address / MEGABYTE:,.0f} MB. Take it away, and add it again in a few minutes."
            )
        if sum(taken for taken, _ in everyone) + size > server:
            raise FileRefused(
                "The files that all visitors have open fill this server's memory. Take it away, "
                "and add it again in a few minutes."
            )
        _held[run] = size, address
