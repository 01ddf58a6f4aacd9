"""Removal of what absent visitors left, so that a shared server stays within its bounds."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from mnist_core.base.tensorflow_compat import set_aside
from mnist_core.classrooms import classrooms
from mnist_core.storage.store import Store
from mnist_core.visitors import address_limits, limits, server_quota, visitors

log = logging.getLogger(__name__)

# How often it is looked whether the whole server keeps too much.
ROOM_SECONDS = 60.0
# How often garbage is collected, of what was set aside, too: closed pages, their open files among
# them, refer to themselves, and were set aside with all else that there was at that time.
GARBAGE_SECONDS = 300.0
# How often what absent visitors keep is looked for.
UPKEEP_SECONDS = 3600.0
# A century is for ever: dates end in the year 9999, and do not begin before the year 1.
MOST_DAYS = 36_500

_FULL = "This server is full. Try again later, or delete some of your runs and data sets."


class Upkeep:
    """Looks after the whole of `store`; does nothing on a server that is not public."""

    def __init__(self, store: Store) -> None:
        # Why nothing more can be kept: the server is full, and nobody is absent who made room.
        self.full: str | None = None
        self._store = store
        self._forgetting = visitors.Forgetting(store)

    def run(self, closed: threading.Event) -> None:
        """Look until `closed`, in a thread of its own: after a term there may be much to remove."""
        last_upkeep = last_collected = time.monotonic()
        while not closed.wait(min(ROOM_SECONDS, UPKEEP_SECONDS)):
            try:
                self.make_room()
                if time.monotonic() - last_upkeep >= UPKEEP_SECONDS:
                    last_upkeep = time.monotonic()
                    self.forget_absent()
            except Exception:
                log.exception("what absent visitors left stays for now")
            if limits.current().public and time.monotonic() - last_collected >= GARBAGE_SECONDS:
                last_collected = time.monotonic()
                try:
                    set_aside()
                except Exception:
                    log.exception("garbage stays for now")

    def make_room(self) -> None:
        """Keep the whole server within its bound. Raises StoreError."""
        bounds = limits.current()
        if not bounds.public:
            self.full = None
            return
        if ended := classrooms.forget_due(self._store):
            log.info("%s classes whose time is over are forgotten", ended)
        if removed := server_quota.make_room(self._store, bounds):
            log.warning("the server is full: %s runs and data sets of absent visitors are removed",
                        removed)  # fmt: skip
        full = server_quota.kept(self._store).over(bounds)
        self.full = _FULL if full else None

    def forget_absent(self) -> None:
        """Remove what visitors keep who have not come back for long. Raises StoreError."""
        bounds = limits.current()
        if bounds.public and bounds.kept_days is not None:
            gone = self._forgetting.forget(timedelta(days=min(bounds.kept_days, MOST_DAYS)))
            if gone:
                log.info("what %s absent visitors kept is removed", gone)
        if bounds.public:
            address_limits.forget_idle(self._store)
