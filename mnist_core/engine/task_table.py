"""The runs that this server is to train, and the lock that guards them."""

from __future__ import annotations

import threading

from mnist_core.engine.run_task import Task


class TaskTable:
    """Tasks by the id of their run. What `lock` guards is said in `engine`.

    `storage_error` is why nothing that training tells can be stored just now; training waits.
    `server` is what the other servers on the database know this one by. `turn` is set when a run
    is queued, one is to be handed out, or a worker may be free.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.lock = threading.RLock()
        self.storage_error: str | None = None
        self.turn = threading.Event()
        self._tasks: dict[str, Task] = {}

    def add(self, task: Task) -> None:
        """Take in a run that is queued."""
        with self.lock:
            self._tasks[task.run_id] = task
        self.turn.set()

    def get(self, run_id: str) -> Task | None:
        """The run's task, None for one that does not train here; waits for no lock."""
        return self._tasks.get(run_id)

    def all(self) -> list[Task]:
        """All tasks, in the order in which they were queued."""
        with self.lock:
            return list(self._tasks.values())

    def unended(self) -> list[Task]:
        """Those whose end is not known yet."""
        return [task for task in self.all() if not task.over]

    def forget(self, task: Task) -> None:
        """Drop a run that has ended: another one may take its place. With the lock held."""
        del self._tasks[task.run_id]
        task.leave()
        self.turn.set()

    def clear(self) -> None:
        """Drop all: nothing that is still told of them is taken in."""
        with self.lock:
            self._tasks.clear()

    def about(self, task: Task) -> dict[str, str | None]:
        """The fields of a log line about this run."""
        return {"run": task.run_id, "server": self.server, "worker": task.worker}
