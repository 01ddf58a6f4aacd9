"""This server's entry among those that share its database, renewed every few seconds."""

from __future__ import annotations

import logging
import threading

from mnist_core.engine.dask_client import Connection
from mnist_core.storage.store import Store, StoreError
from mnist_core.visitors import heartbeat

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0


class ServerHeartbeat:
    """Tells the other servers on `store` that `server` lives and which scheduler it has reached."""

    def __init__(self, store: Store, server: str, connection: Connection) -> None:
        self._store, self._server, self._connection = store, server, connection
        self._known = False

    def beat(self) -> None:
        """Renew the entry, or make it. Raises StoreError."""
        heartbeat.register(self._store, self._server, self._connection.scheduler_id)
        self._known = True

    def make_known(self) -> None:
        """Make the entry once: the runs of an unknown server would count as interrupted.

        Raises StoreError.
        """
        if not self._known:
            self.beat()

    def begin(self) -> None:
        """Make the entry, and mark the runs of servers that are gone as interrupted."""
        try:
            self.beat()
            heartbeat.mark_interrupted(self._store)
        except StoreError as error:  # what is kept can be looked at all the same
            log.warning("the database takes nothing: %s", error)

    def run(self, closed: threading.Event) -> None:
        """Beat until `closed`, in a thread of its own: silence counts as death."""
        while not closed.wait(HEARTBEAT_SECONDS):
            try:
                self.beat()
            except Exception as error:
                log.warning("no heartbeat could be noted: %s", error)

    def end(self) -> None:
        """Remove the entry, and mark the runs that still go on here as interrupted."""
        try:
            heartbeat.unregister(self._store, self._server)
            heartbeat.mark_interrupted(self._store)
        except StoreError as error:  # the next server does it
            log.warning("the end of this server could not be noted: %s", error)
