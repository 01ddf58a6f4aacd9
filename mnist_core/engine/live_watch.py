"""Live views of the runs that train here, made only while somebody looks."""

from __future__ import annotations

from typing import Any

from mnist_core.engine.command_sender import CommandSender
from mnist_core.engine.live_frames import LiveFrames
from mnist_core.engine.task_table import TaskTable
from mnist_core.training.live_view import View


class LiveWatch:
    """Asks workers for what is looked at, and keeps the newest frame of it in memory.

    Any thread may call all of it; none is made to wait for a worker.
    """

    def __init__(self, tasks: TaskTable, sender: CommandSender) -> None:
        self._tasks, self._sender = tasks, sender
        self._frames = LiveFrames()

    def look(self, run_id: str, view: View) -> dict[str, Any] | None:
        """Note that somebody looks now, and return the newest frame, None while there is none."""
        frame = self._frames.look(run_id, view)
        self._ask(run_id)
        return frame

    def keep(self, run_id: str, message: dict[str, Any]) -> None:
        """Take in a frame that a run has sent."""
        self._frames.keep(run_id, message)

    def ask_all(self) -> None:
        """Let runs that nobody looks at any more make no frames."""
        for task in self._tasks.all():
            self._ask(task.run_id)

    def _ask(self, run_id: str) -> None:
        """Let the run's worker know what is looked at now, when that has changed."""
        with self._tasks.lock:
            task = self._tasks.get(run_id)
            if task is None or task.worker is None:
                return
            wanted = self._frames.wanted(run_id)
            if wanted != task.views:
                task.views = wanted
                command = {"views": [view.to_message() for view in wanted]}
                self._sender.post(task.worker, run_id, command)
