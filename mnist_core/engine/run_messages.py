"""Messages about runs, from workers and from the engine, in the order in which they are stored."""

from __future__ import annotations

import queue
from typing import Any

from mnist_core.engine.run_task import Task
from mnist_core.engine.task_table import TaskTable
from mnist_core.training.events import Failed, to_message

# The kind of the message, not an event, that says that a run's worker is gone.
LOST = "lost"
# What a message says besides the event: of which run and attempt it is, and who sent it.
ABOUT = ("run", "attempt", "worker")


class RunMessages:
    """A queue of messages; any thread may call all of it, none is made to wait but by `next`."""

    def __init__(self, tasks: TaskTable) -> None:
        self._tasks = tasks
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def receive(self, message: dict[str, Any]) -> None:
        """Take in what a worker tells, on Dask's event loop; whether it can be stored or not."""
        task = self._tasks.get(message["run"])
        if task is not None and task.attempt == message["attempt"]:
            task.hear(message)
        self._queue.put(message)

    def end_failed(self, task: Task, why: str) -> None:
        """Say that a run cannot train; `why` is a sentence for people."""
        self._end(task, why, to_message(Failed(0, 0, why)))

    def end_waiting(self, why: str) -> None:
        """Say so of all runs that no scheduler has been given yet."""
        for task in self._tasks.unended():
            if task.future is None and not task.released:
                self.end_failed(task, why)

    def end_lost(self, task: Task, what: str) -> None:
        """Say that a run has lost its worker, after all that this one had told of it.

        `what`, a sentence, has a field for where the run was.
        """
        self._end(task, what.format(""), {"kind": LOST, "what": what})

    def _end(self, task: Task, loss: str, message: dict[str, Any]) -> None:
        """Store what a run has come to in the order of its events, and as surely as these."""
        task.loss, task.over = loss, True
        about = {"run": task.run_id, "attempt": task.attempt, "worker": None}
        self._queue.put(message | about)
        task.cancel()

    def next(self) -> dict[str, Any] | None:
        """Wait for the next message; None after `close`."""
        return self._queue.get()

    def close(self) -> None:
        """End the thread that waits in `next`."""
        self._queue.put(None)

    def __len__(self) -> int:
        """The number of messages that wait to be stored."""
        return self._queue.qsize()
