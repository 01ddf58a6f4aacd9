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
_NOT_RESUMED = "It was stopped while it waited to resume. Its curve and its weights are kept."
_HUNG = "It was stopped while its training process did not respond."


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
        run = self._store.run(task.run_id)
        if run is not None and task.worker is not None:
            message = f"{why or _HUNG} {heartbeat.what_is_left(run)}"
            changes["interrupted"] = True
        elif task.released:
            message = why
        elif run is not None and run.step:
            message = why or _NOT_RESUMED
        self._store.set_status(task.run_id, "stopped", message, **changes)
        self._tasks.forget(task)

    def _deliver(self, task: Task, command: dict[str, Any]) -> None:
        pause = command.get("pause")
        if task.released:
            self._to_released(task, command)
        elif self._tasks.storage_error and pause is not None:
            task.held = not pause  # it pauses already; this is for when it could go on
        elif task.worker is None:
            task.commands.append(command)
        elif task.releasing and not command.get("stop"):
            task.commands.append(command)  # until it is known whether its worker still has it
        else:
            if _goes_on(command):
                task.paused = None
            self._sender.post(task.worker, task.run_id, command)

    # A paused run gives its worker to those who wait

    def ask_to_release(self, task: Task) -> None:
        """Ask a paused run's worker to let go of it."""
        with self._tasks.lock:
            if task.idles and task.worker is not None:
                task.releasing = True
                self._sender.post(task.worker, task.run_id, {"release": True})

    def keeps_worker(self, task: Task) -> None:
        """A run has gone on: it was resumed before it could be released. With the lock held."""
        if not task.releasing:
            return
        task.releasing = False
        commands, task.commands = task.commands, []
        for command in commands:
            self._deliver(task, command)

    def released(self, task: Task, command: dict[str, Any]) -> None:
        """A run's worker has let go of it; what was asked meanwhile follows. With the lock held.

        `command` brings back what had been asked before.
        """
        meanwhile, task.commands = task.commands, []
        task.release(command)
        if task.stopping:
            self._note_stopped(task, "")
            return
        self._tasks.turn.set()
        for later in meanwhile:
            self._deliver(task, later)

    def _to_released(self, task: Task, command: dict[str, Any]) -> None:
        """Keep a command for when the run trains again; it waits for that once it is resumed."""
        if command.get("pause") is None:
            task.commands.append(command)
        if _goes_on(command):
            self._store.wait_again(task.run_id)
            task.wait_again()
            self._tasks.turn.set()

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


def _goes_on(command: dict[str, Any]) -> bool:
    """True when it lets a paused run take steps."""
    return command.get("pause") is False or command.get("step", 0) > 0
