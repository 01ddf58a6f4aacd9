"""Stand-ins for what the parts of the engine are given: a connection and a command sender."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnist_core.engine.dask_client import WorkerInfo
from mnist_core.engine.live_watch import LiveWatch
from mnist_core.engine.run_commands import RunCommands
from mnist_core.engine.run_messages import RunMessages
from mnist_core.engine.run_task import Task
from mnist_core.engine.task_table import TaskTable
from mnist_core.storage.store import Store
from mnist_core.training.events import Started, Steps, to_message
from tests.support.runs import LONG

WORKER = "tcp://127.0.0.1:1"
SERVER = "this one"


class Future:
    """What Dask gives for a run that was handed out."""

    def __init__(self, commands: list[dict[str, Any]]) -> None:
        self.commands, self.status = list(commands), "pending"

    def cancel(self) -> None:
        self.status = "cancelled"


class FakeConnection:
    """A connection to a scheduler with one worker; `calls` are what changed something."""

    def __init__(self) -> None:
        self.there = self.has_worker = True
        self.known: list[WorkerInfo] | None = [WorkerInfo(WORKER, 1, 0)]
        self.exit_code: int | None = None
        self.calls: list[str] = []
        self.handed: dict[str, Future] = {}
        self.shares_operations: list[bool] = []

    def workers(self) -> list[WorkerInfo] | None:
        return self.known

    def submit(self, orders, _number) -> Future:
        future = Future(orders[0]["commands"])
        self.handed |= {order["run_id"]: future for order in orders}
        return future

    def revive_worker(self) -> int | None:
        return self.exit_code

    def drop_lost(self) -> None:
        pass

    def open(self) -> None:
        self.calls.append("open")

    def end_worker(self) -> None:
        self.calls.append("end worker")

    def renew_worker(self, awaited: bool = False) -> None:
        self.calls.append("renew worker for a run" if awaited else "renew worker")

    def suit_worker(self, share_operations: bool) -> None:
        self.shares_operations.append(share_operations)


class FakeSender:
    """Keeps what was to be sent, as (run, command)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def post(self, _address: str, run_id: str, command: dict[str, Any]) -> None:
        self.sent.append((run_id, command))


class Parts:
    """What all parts of an engine share, with no thread, no process and no Dask."""

    def __init__(self, store: Store) -> None:
        self.store, self.connection, self.sender = store, FakeConnection(), FakeSender()
        self.tasks = TaskTable(SERVER)
        self.messages = RunMessages(self.tasks)
        self.commands = RunCommands(store, self.tasks, self.connection, self.sender)
        self.live = LiveWatch(self.tasks, self.sender)

    def queued(self, experiment=LONG, **values: Any) -> Task:
        """A run of this server that waits for its turn."""
        task = Task(self.store.create_run(experiment, server=SERVER), **values)
        self.tasks.add(task)
        self.tasks.turn.clear()
        return task

    def handed_out(self) -> Task:
        """One that Dask has, and that has not begun."""
        task = self.queued()
        task.due, task.future = True, Future([])
        return task

    def training(self) -> Task:
        """One that trains on the worker."""
        task = self.handed_out()
        self.store.record(task.run_id, Started(4000, 20, 7), WORKER)
        task.worker, task.began = WORKER, 0.0
        return task

    def told(self) -> dict[str, Any]:
        """The next message that is to be stored; there must be one."""
        assert len(self.messages)
        return self.messages.next()


def steps(first: int, paused: bool = False) -> Steps:
    """One step of training."""
    value = np.ones(1, np.float32)
    return Steps(first, value, value, 0.1, 1, 1.0, 4000, paused=paused)


def message(task: Task, event: Any) -> dict[str, Any]:
    """What a worker tells of an event."""
    return to_message(event) | {"run": task.run_id, "attempt": task.attempt, "worker": WORKER}
