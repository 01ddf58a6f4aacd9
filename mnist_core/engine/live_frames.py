"""The newest frame of each live view that somebody looks at; kept in memory alone."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from mnist_core.training.live_view import MOST_VIEWS, View

# Nobody looks any more when nobody has asked for so long; a page asks at least once a second.
LOOK_SECONDS = 3.0


@dataclass(eq=False)
class _Seen:
    """One view of a run, when it was last asked for, and its newest frame."""

    view: View
    asked: float
    frame: dict[str, Any] | None = None


class LiveFrames:
    """The views of all runs that train here. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, dict[str, _Seen]] = {}

    def look(self, run_id: str, view: View) -> dict[str, Any] | None:
        """Note that somebody looks now, and return the view's newest frame (`live_view.pack`)."""
        with self._lock:
            views = self._runs.setdefault(run_id, {})
            seen = views.setdefault(view.key, _Seen(view, 0.0))
            seen.asked = time.monotonic()
            return seen.frame

    def keep(self, run_id: str, message: dict[str, Any]) -> None:
        """Take in a frame that a run has sent; one that nobody waits for is dropped."""
        with self._lock:
            seen = self._runs.get(run_id, {}).get(message["view"])
            if seen is not None:
                seen.frame = {"header": message["header"], "data": message["data"]}

    def wanted(self, run_id: str) -> tuple[View, ...]:
        """The views of a run that somebody looks at now, the newest; the rest is forgotten."""
        oldest = time.monotonic() - LOOK_SECONDS
        with self._lock:
            views = self._runs.get(run_id, {})
            kept = [seen for seen in views.values() if seen.asked >= oldest]
            kept = sorted(kept, key=lambda seen: -seen.asked)[:MOST_VIEWS]
            if not kept:
                self._runs.pop(run_id, None)
                return ()
            self._runs[run_id] = {seen.view.key: seen for seen in kept}
        return tuple(sorted((seen.view for seen in kept), key=lambda view: view.key))
