"""Time since the last sign of life, by this process's own steady clock.

The wall clock is set back and forth, and differs between machines: it cannot tell who has gone.
"""

from __future__ import annotations

import threading
import time
from typing import Any

# Who looks more rarely than this has missed what happened in between.
LONGEST_GAP = 5.0


class LastSeen:
    """The last sign of life of each key, and when it was new. Safe between threads."""

    def __init__(self, longest_gap: float = LONGEST_GAP) -> None:
        self._longest_gap = longest_gap
        self._lock = threading.Lock()
        # key → (sign, when it was new, when it was last looked at)
        self._signs: dict[str, tuple[Any, float, float]] = {}

    def seconds(self, key: str, sign: Any) -> float:
        """Seconds since `sign`, whatever it is, changed; 0 at the first look.

        Also 0 when the last look is long ago: without the database, say, nobody is heard. So
        what is no longer asked for is forgotten.
        """
        now = time.monotonic()
        with self._lock:
            before, since, looked = self._signs.get(key, (None, now, now))
            if before != sign or now - looked > self._longest_gap:
                since = now
            self._signs = {
                name: kept
                for name, kept in self._signs.items()
                if now - kept[2] <= self._longest_gap
            } | {key: (sign, since, now)}
            return now - since
