"""Messages to workers that train: commands to runs, and the data sets that they ask for."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any

from mnist_core.base.errors import first_line
from mnist_core.engine import worker
from mnist_core.engine.dask_client import Connection
from mnist_core.storage import datasets
from mnist_core.storage.store import Store, StoreError

log = logging.getLogger(__name__)

# A worker's thread ends when there has been nothing to deliver for so long.
IDLE_SECONDS = 1.0

_Box = queue.Queue[tuple[str, dict[str, Any]]]


class CommandSender:
    """Delivers by threads of its own, one a worker: one that hangs makes nobody else wait.

    `post` and `send_images` return at once and may be called from any thread, with the engine's
    lock held or not. The lock here guards which worker has a box and thus a thread; it is never
    held while something is delivered, and nothing of the engine is called.
    """

    def __init__(self, connection: Connection, store: Store) -> None:
        self._connection, self._store = connection, store
        self._lock = threading.Lock()
        self._boxes: dict[str, _Box] = {}

    def post(self, address: str, run_id: str, command: dict[str, Any]) -> None:
        """Send a run on the worker at `address` a command, after those posted before."""
        with self._lock:
            if address not in self._boxes:
                box = self._boxes[address] = _Box()
                threading.Thread(target=self._deliver, args=(address, box), daemon=True).start()
            self._boxes[address].put((run_id, command))

    def _deliver(self, address: str, box: _Box) -> None:
        while (letter := self._next(address, box)) is not None:
            run_id, command = letter
            try:
                self._connection.call(address, worker.receive, run_id, command)
            except Exception as error:  # the scheduler has gone; the monitor tells
                log.info("a command was lost: %s", first_line(error), extra={"run": run_id})

    def _next(self, address: str, box: _Box) -> tuple[str, dict[str, Any]] | None:
        """The next message to deliver; None when none came for long, and the box is gone."""
        try:
            return box.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            with self._lock:
                if not box.empty():  # posted just now
                    return box.get()
                del self._boxes[address]
                return None

    def send_images(self, owner: str, digest: str, address: str) -> None:
        """Give a worker the data set that a run of this owner trains on there.

        In a thread of its own: a large set takes a while.
        """
        about = (owner, digest, address)
        threading.Thread(target=self._send_images, args=about, daemon=True).start()

    def _send_images(self, owner: str, digest: str, address: str) -> None:
        found: bytes | str
        try:
            found = datasets.content(self._store, owner, digest) or datasets.not_here(digest)
        except StoreError as error:
            found = str(error)
        try:
            self._connection.call(address, worker.receive_images, digest, found)
        except Exception:  # the scheduler has gone; the worker asks again, the monitor tells
            log.info("a data set did not reach its worker", exc_info=True)
