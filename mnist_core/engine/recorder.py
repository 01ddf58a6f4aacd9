"""The recorder: what training tells goes into the store, and training waits while it cannot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mnist_core.engine import dataset_transfer, worker
from mnist_core.engine.command_sender import CommandSender
from mnist_core.engine.live_watch import LiveWatch
from mnist_core.engine.run_commands import RunCommands
from mnist_core.engine.run_messages import ABOUT, LOST, RunMessages
from mnist_core.engine.run_task import Task
from mnist_core.engine.task_table import TaskTable
from mnist_core.storage.store import Store, StoreError, Unavailable
from mnist_core.training.events import Live, from_message
from mnist_core.visitors import heartbeat

log = logging.getLogger(__name__)

STORE_TRIES = 3
STORE_AGAIN_SECONDS = 0.5


class Recorder:
    """Stores messages one after the other. No message overtakes another.

    Only the thread in `run` calls `record`.
    """

    def __init__(
        self,
        store: Store,
        tasks: TaskTable,
        messages: RunMessages,
        commands: RunCommands,
        sender: CommandSender,
        live: LiveWatch,
        beat: Callable[[], None],
    ) -> None:
        """Store into `store` what `messages` say of `tasks`.

        `beat` writes a word into the database; it raises StoreError while that takes nothing.
        """
        self._store, self._tasks, self._messages = store, tasks, messages
        self._commands, self._sender = commands, sender
        self._live, self._beat = live, beat

    def run(self, closed: threading.Event) -> None:
        """Store messages until there will be no more; wait for no database once `closed`."""
        while (message := self._messages.next()) is not None:
            self.record(message, closed)

    def record(self, message: dict[str, Any], closed: threading.Event) -> None:
        """Store what a message tells. While the database takes nothing, training is held.

        What could not be stored comes first when it can.
        """
        tries, held_at = 0, None
        while not closed.is_set():
            try:
                self._take(message)
                break
            except Unavailable as error:
                held_at = held_at or time.monotonic()
                self._commands.hold_all(str(error))
                self._wait_for_database(closed)
            except Exception:  # whatever it is, it may be the moment's
                tries += 1
                if tries == STORE_TRIES:
                    log.exception("an event was not stored", extra={"run": message["run"]})
                    break
                closed.wait(STORE_AGAIN_SECONDS)
        if held_at is not None:
            log.info("training goes on after %.0f seconds", time.monotonic() - held_at)
            self._commands.release_all()

    def _wait_for_database(self, closed: threading.Event) -> None:
        """Until it takes a word; without the lock, for a database that is busy makes wait."""
        while not closed.wait(STORE_AGAIN_SECONDS):
            try:
                self._beat()
                return
            except StoreError as error:
                self._tasks.storage_error = str(error)

    def _take(self, message: dict[str, Any]) -> None:
        """Take in a message, unless its run was stopped, lost or handed out again meanwhile."""
        with self._tasks.lock:  # so that a stop comes wholly before or after
            task = self._tasks.get(message["run"])
            if task is None or task.attempt != message["attempt"]:
                return
            kind = message["kind"]
            if kind == worker.TAKEN:
                task.taken = True
            elif kind == dataset_transfer.WANTED:
                self._sender.send_images(task.owner, str(message["data"]), message["worker"])
            elif kind == Live.kind:
                self._live.keep(task.run_id, message)
            elif kind == LOST:
                self._store_loss(task, message["what"])
            else:
                self._store_event(task, message)

    def _store_event(self, task: Task, message: dict[str, Any]) -> None:
        """Store an event of training, and keep in mind what it says of the run."""
        kind, address = message["kind"], message["worker"]
        told = {name: value for name, value in message.items() if name not in ABOUT}
        self._store.record(task.run_id, from_message(told), address)
        about = self._tasks.about(task) | {"worker": address}
        if kind == "started":
            log.info("training starts", extra=about)
            task.began = time.monotonic()
            self._commands.started(task, address)
        elif kind == "steps":
            paused = message["paused"]
            task.paused = (task.paused or time.monotonic()) if paused else None
            if message["loss"]:
                self._commands.keeps_worker(task)
        elif kind == "released":
            log.info("a paused run gives its worker to those who wait", extra=about)
            self._commands.released(task, message["command"])
        elif kind in ("finished", "failed"):
            self._tasks.forget(task)
            why = f": {message['reason']}" if kind == "failed" else ""
            log.info("training has %s%s", kind, why, extra=about)

    def _store_loss(self, task: Task, what: str) -> None:
        """Say that the run has lost its worker, keep the curve, do not repeat the run silently."""
        log.warning("the run has lost its worker", extra=self._tasks.about(task))
        run = self._store.run(task.run_id)
        if run is not None and run.active:
            message = f"{what.format(f' at step {run.step:,}')} {heartbeat.what_is_left(run)}"
            self._store.set_status(
                task.run_id, "failed", message, interrupted=True, ended=datetime.now(UTC)
            )
        self._tasks.forget(task)
