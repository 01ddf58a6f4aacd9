"""Stop, pause and other commands to runs: to their worker, or to the server that trains them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from mnist_core.engine import remote_commands
from mnist_core.engine.command_sender import CommandSender
from mnist_core.engine.dask_client import Connection
from mnist_core.engine.run_task import Task
from mnist_core.engine.task_table import TaskTable
from mnist_core.storage.store import Store
from mnist_core.visitors import heartbeat

log = logging.getLogger(__name__)

_NOT_STARTED = "It was stopped before it started."
_HUNG = "It was stopped while its training process did not answer."


class RunCommands:
    """Steers runs. Any thread may call all of it; none is made to wait for a worker."""

    def __init__(
        self, store: Store, tasks: TaskTable, connection: Connection, sender: CommandSender
    ) -> None:
        self._store, self._tasks = store, tasks
        self._connection, self._sender = connection, sender

    def send(self, run_id: str, **command: Any) -> None:
        """Pass a command to a run, now or at its start (see `training.control.Control.send`).

        One that another server trains gets it through the database. Raises StoreError.
        """
        with self._tasks.lock:
            task = self._tasks.get(run_id)
            if task is not None:
                self._deliver(task, command)
                return
            run = self._store.run(run_id)
            if run is not None and run.active and run.server != self._tasks.server:
                remote_commands.leave(self._store, run_id, command)

    def stop(self, run_id: str, why: str = "") -> None:
        """End a run; its curve and weights stay. `why` becomes its message. Raises StoreError."""
        with self._tasks.lock:
            task = self._tasks.get(run_id)
            if task is None or task.reachable:
                if task is not None:
                    task.stopping = True
                    if why:
                        self._store.say(run_id, why)
                self.send(run_id, stop=True)
                return
            self._note_stopped(task, why)
        task.cancel()
        if task.hangs:
            self._connection.end_worker()

    def _note_stopped(self, task: Task, why: str) -> None:
        """Note that a run has been stopped that no command reaches: it waits, or it hangs."""
        changes: dict[str, Any] = {"ended": datetime.now(UTC)}
        message = why or _NOT_STARTED
        run = self._store.run(task.run_id) if task.worker is not None else None
        if run is not None:
            message = f"{why or _HUNG} {heartbeat.what_is_left(run)}"
            changes["interrupted"] = True
        self._store.set_status(task.run_id, "stopped", message, **changes)
        self._tasks.forget(task)

    def _deliver(self, task: Task, command: dict[str, Any]) -> None:
        pause = command.get("pause")
        if self._tasks.storage_error and pause is not None:
            task.held = not pause  # it pauses already; this is for when it could go on
        elif task.worker is None:
            task.commands.append(command)
        else:
            self._sender.post(task.worker, task.run_id, command)

    def started(self, task: Task, worker: str) -> None:
        """Send a run what was asked of it before it started, on this worker. With the lock held."""
        task.worker, task.given = worker, []
        commands, task.commands = task.commands, []
        for command in commands:
            self._deliver(task, command)

    def hold_all(self, why: str) -> None:
        """Let all training here pause: nothing can be stored, and `why` is a sentence for people.

        Pages may ask for a pause or its end meanwhile; that counts once training goes on.
        """
        with self._tasks.lock:
            before, self._tasks.storage_error = self._tasks.storage_error, why
            if before is not None:
                return
            log.error("training is held: %s", why)
            for task in self._tasks.all():
                if task.worker is not None and task.paused is None:
                    task.held = True
                    self._sender.post(task.worker, task.run_id, {"pause": True})

    def release_all(self) -> None:
        """Let all training that is held go on."""
        with self._tasks.lock:
            self._tasks.storage_error = None
            for task in self._tasks.all():
                if task.worker is not None and task.held:
                    self._sender.post(task.worker, task.run_id, {"pause": False})
                task.held = False

    def take_remote(self) -> None:
        """Take over what pages of other servers ask of the runs that train here."""
        runs = [task.run_id for task in self._tasks.all()]
        for run_id, command in remote_commands.collect(self._store, runs):
            if command.pop("stop", False):
                self.stop(run_id)
            else:
                self.send(run_id, **command)
