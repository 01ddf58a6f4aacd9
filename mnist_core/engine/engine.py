"""The engine of training: one local worker process by default, a Dask cluster when one is named.

The app's process trains nothing. The `scheduler` hands each run to Dask as one task when its turn
has come (small ones of a study together); its events arrive through a Dask topic as `run_messages`,
and the `recorder` writes each into the store; `run_commands` steers what trains; the `monitor` says
within seconds what has died; `live_watch` shows what passes by the store. They know each other only
as far as they are given each other here, and share the `task_table`.

Threads: any thread calls what has no underscore here and in `RunCommands`; besides, one thread
each runs the scheduler, the recorder, the monitor, this server's heartbeat and the upkeep. Dask's
event loop, and a thread while it connects, call `RunMessages`.

Locks: `TaskTable.lock` guards the table's tasks, their fields and `storage_error`. Without it, only
the thread that ends a run sets a task's `over` and `loss`, the monitor's thread `missed`,
`done_at`, `silent_for` and `hangs`, Dask's event loop `heard`, the recorder's thread the words of a
`storage_error` that is there. It may be held while the store, the connection or the command sender
is called, for none of these calls back; it is not held while a worker is waited for, and Dask's
event loop never takes it. The connection, the command sender and the live frames have locks of
their own, which each says; these are taken after it, never before.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from typing import Any

from mnist_core.engine import remote_commands, worker
from mnist_core.engine.command_sender import CommandSender
from mnist_core.engine.dask_client import Connection, Listener
from mnist_core.engine.dask_client import WorkerInfo as WorkerInfo
from mnist_core.engine.live_watch import LiveWatch
from mnist_core.engine.monitor import Monitor
from mnist_core.engine.queue_position import Place
from mnist_core.engine.recorder import Recorder
from mnist_core.engine.run_commands import RunCommands
from mnist_core.engine.run_messages import RunMessages
from mnist_core.engine.run_task import Task
from mnist_core.engine.scheduler import Scheduler, newest_snapshot
from mnist_core.engine.server_heartbeat import ServerHeartbeat
from mnist_core.engine.task_table import TaskTable
from mnist_core.engine.upkeep import Upkeep
from mnist_core.experiment import changes
from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.training_cost import is_small
from mnist_core.storage import datasets
from mnist_core.storage.store import Store
from mnist_core.training.live_view import View
from mnist_core.visitors import limits, run_limits, visitors

log = logging.getLogger(__name__)

# Sets of weights that a small run of a study keeps: with more, keeping takes longer than training.
FEW_SNAPSHOTS = 5


class Engine:
    """Starts runs, steers them, and keeps what they tell: what pages call, and what does it."""

    def __init__(
        self, store: Store, scheduler: str | None = None, trainer: str = worker.TRAIN
    ) -> None:
        """Watch over `store`; no worker starts yet.

        `scheduler` is a Dask scheduler's address, by default that in `MNIST_LAB_SCHEDULER`;
        without any, the engine has a worker process of its own.
        """
        self.store = store
        self.scheduler = scheduler or os.environ.get("MNIST_LAB_SCHEDULER") or None
        server = secrets.token_hex(8)
        self._closed = threading.Event()
        self._tasks = TaskTable(server)
        self._messages = RunMessages(self._tasks)
        listener = Listener(
            self._messages.receive, self._tasks.turn.set, self._messages.end_waiting
        )
        self._connection = Connection(self.scheduler, trainer, f"mnist-lab-{server}", listener)
        self._absences = visitors.Absences(store)
        self._heartbeat = ServerHeartbeat(store, server, self._connection)
        self._upkeep = Upkeep(store)
        sender = CommandSender(self._connection, store)
        self._commands = RunCommands(store, self._tasks, self._connection, sender)
        self._scheduler = Scheduler(store, self._tasks, self._connection, self._messages,
                                    self._commands)  # fmt: skip
        self._live = LiveWatch(self._tasks, sender)
        self._recorder = Recorder(store, self._tasks, self._messages, self._commands, sender,
                                  self._live, self._heartbeat.beat)  # fmt: skip
        self._monitor = Monitor(store, self._tasks, self._connection, self._messages,
                                self._commands, self._live, self._absences)  # fmt: skip
        self._heartbeat.begin()
        for part in (self._scheduler, self._recorder, self._monitor, self._heartbeat, self._upkeep):
            name = type(part).__name__
            threading.Thread(target=part.run, args=(self._closed,), name=name, daemon=True).start()

    def close(self) -> None:
        """End the worker and all threads. Runs that go on are marked as interrupted."""
        self._closed.set()
        self._tasks.turn.set()
        self._messages.close()
        self._tasks.clear()
        self._connection.close()
        self._heartbeat.end()

    # Runs

    def start(
        self,
        experiment: Experiment,
        owner: str = "local",
        preset: str | None = None,
        study: str | None = None,
        trial: int | None = None,
        title: str | None = None,
    ) -> str:
        """Queue a new run, that of a study's trial say, and return its id at once.

        `title` is what it is called where neither experiment nor preset has a name. Raises
        StoreError.
        """
        self._heartbeat.make_known()
        run_id = self.store.create_run(
            experiment,
            owner,
            preset,
            server=self.id,
            study=study,
            trial=trial,
            title=title,
        )
        task = self._task(run_id, experiment, owner, study)
        log.info("the run is queued", extra=self._tasks.about(task))
        self._scheduler.enqueue(task)
        return run_id

    def continue_run(self, run_id: str, epochs: int = 0) -> None:
        """Let an ended run go on from its newest snapshot, with `epochs` more than planned.

        Raises StoreError, also when that snapshot cannot be read or is gone; then nothing has
        changed.
        """
        run = self.store.run(run_id)
        if run is None or run.active:
            return
        newest_snapshot(self.store, run)  # raises without one
        self._heartbeat.make_known()
        remote_commands.forget(self.store, run_id)
        self.store.queue_again(run_id, self.id)
        asked_before = max(0, run.epochs - run.present_experiment.training.epochs)
        task = self._task(run_id, run.experiment, run.owner, run.study)
        task.resume = True
        if asked_before + epochs:
            task.commands.append({"epochs": asked_before + epochs})
        self._scheduler.enqueue(task)

    def _task(self, run_id: str, experiment: Experiment, owner: str, study: str | None) -> Task:
        """A run that waits; small ones of a study may share what a worker does at once."""
        small = study is not None and is_small(
            experiment, datasets.images_of(self.store, experiment)
        )
        task = Task(run_id, owner, study=study, small=small)
        if small:
            task.commands.append({"snapshots": FEW_SNAPSHOTS})
        return task

    def change(self, run_id: str, experiment: Experiment) -> None:
        """Let a run that has begun go on as `experiment` from its next step on.

        Raises ValueError, with a sentence, for what cannot change (`experiment.changes.problem`),
        and StoreError.
        """
        run = self.store.run(run_id)
        if run is None or not run.active:
            return
        before, made = run.present_experiment, len(run.changes)
        if before != experiment and (why := changes.problem(before, experiment, run.epoch, made)):
            raise ValueError(why)
        self.send(run_id, experiment=experiment.to_json())

    def send(self, run_id: str, **command: Any) -> None:
        """Pass a command to a run, now or at its start (see `training.control.Control.send`).

        One that another server trains gets it through the database. Raises StoreError.
        """
        self._commands.send(run_id, **command)

    def stop(self, run_id: str, why: str = "") -> None:
        """End a run; its curve and weights stay. `why` becomes its message. Raises StoreError."""
        self._commands.stop(run_id, why)

    def pause(self, run_id: str) -> None:
        """Hold a run after its present step.

        As soon as another one waits for its worker, that one trains there.
        """
        self.send(run_id, pause=True)

    def resume(self, run_id: str) -> None:
        """Let a paused run go on; one that has given its worker away queues for another."""
        self.send(run_id, pause=False)

    def watch(self, run_id: str, view: View) -> dict[str, Any] | None:
        """The newest frame of a run that trains here, for somebody who looks just now.

        See `live_view.pack`. To be asked again and again: a run makes frames only for those who
        have asked lately. None while there is no frame yet.
        """
        return self._live.look(run_id, view)

    def stopping(self, run_id: str) -> bool:
        """True when a run that trains here has been asked to end."""
        task = self._tasks.get(run_id)
        return task is not None and task.stopping

    def loss(self, run_id: str) -> str | None:
        """The end of a run that cannot be stored just now, as a sentence; None while it goes on."""
        task = self._tasks.get(run_id)
        return task.loss if task is not None and task.over else None

    def place(self, run_id: str) -> Place | None:
        """The place in the queue and the expected wait, None when the run does not wait."""
        return self._scheduler.place(run_id)

    # This server

    @property
    def id(self) -> str:
        """The id by which other servers on this database know this one."""
        return self._tasks.server

    @property
    def storage_error(self) -> str | None:
        """The reason why nothing can be stored just now; training waits meanwhile."""
        return self._tasks.storage_error

    @property
    def full(self) -> str | None:
        """The reason why nothing more can be kept on a public server, None while there is room."""
        return self._upkeep.full

    def away(self, owner: str, waited: float | None = None) -> bool:
        """True when this visitor of a shared server has had no page open for too long.

        `waited`: for what has waited in the queue for so many seconds.
        """
        absent = self._absences.seconds([owner]).get(owner, 0.0)
        if waited is not None:
            return run_limits.leaves_queue(min(absent, waited), limits.current())
        return run_limits.is_away(absent, limits.current())

    # Its workers

    def warm(self) -> None:
        """Start the worker in the background, if that has not happened; returns at once."""
        self._connection.open()

    def ready(self) -> bool:
        """True when a worker is there to train."""
        return bool(self.workers())

    def lacks_workers(self) -> bool:
        """True when a cluster's scheduler answers and no worker has come to it."""
        return self.scheduler is not None and self._connection.workers() == []

    def workers(self) -> list[WorkerInfo]:
        """The processes that train now."""
        return self._connection.workers() or []

    def worker_pid(self) -> int | None:
        """The process id of the engine's own worker, if it has one."""
        return self._connection.worker_pid
