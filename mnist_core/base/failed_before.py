"""What lately ended the process that computes, so that it is not tried again for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

from mnist_core.base.sandbox import WorkFailed

# Not for ever: it may have been the system that ended the process, short of memory.
AGAIN_SECONDS = 300.0
# The first of so many is forgotten.
MOST = 100


class FailedBefore:
    """Errors of the last minutes by what they were about; any thread may ask."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, WorkFailed]] = {}
        self._lock = threading.Lock()

    def keep(self, about: Hashable, error: WorkFailed) -> WorkFailed:
        """Remember this error from now on; returns it."""
        with self._lock:
            self._kept[about] = time.monotonic(), error
            if len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
        return error

    def check(self, about: Hashable) -> None:
        """Raise an error like the one that is remembered, if there is one."""
        when, error = self._kept.get(about, (0.0, None))
        if error is not None and time.monotonic() - when < AGAIN_SECONDS:
            raise type(error)(str(error))
