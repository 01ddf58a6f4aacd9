"""Every place that reaches into Dask's own classes, written for distributed 2026.8.

`bear_clock_changes`: `BatchedSend` waits until a wall-clock time some milliseconds ahead. Where the
clock is set back by an hour just then, it holds everything back for an hour: a run's events, too.

`SchedulerWithoutHttp`, `WorkerWithoutHttp`: each Dask server also opens a port for HTTP, a worker
on all of the machine's addresses, for pages that nobody here looks at and that ask for no
certificate. Dask has no option that leaves it out.

`is_cancelled`: a task cannot ask whether it was cancelled; only the worker's own state says so.
"""

from __future__ import annotations

import time
from typing import Any

from distributed import Scheduler, Worker
from distributed.batched import BatchedSend

_NAME = "next_deadline"


def is_cancelled(worker: Worker, key: str) -> bool:
    """True when the task that this worker runs under `key` is no longer wanted."""
    task = worker.state.tasks.get(key)
    return task is None or task.state == "cancelled"


def bear_clock_changes() -> None:
    """Let Dask send when its next time to send has become unreachable."""
    setattr(BatchedSend, _NAME, property(_deadline, _set_deadline))


def _deadline(sender: BatchedSend) -> float | None:
    # Senders that were there before keep theirs in the same place.
    deadline: float | None = vars(sender).get(_NAME)
    unreachable = deadline is not None and deadline - time.time() > sender.interval
    return None if unreachable else deadline


def _set_deadline(sender: BatchedSend, deadline: float | None) -> None:
    vars(sender)[_NAME] = deadline


class SchedulerWithoutHttp(Scheduler):
    """A scheduler that listens on its one port for Dask's messages only."""

    def start_http_server(self, *_arguments: Any, **_options: Any) -> None:
        """Open no port."""


class WorkerWithoutHttp(Worker):
    """A worker that listens on its one port for Dask's messages only."""

    def start_http_server(self, *_arguments: Any, **_options: Any) -> None:
        """Open no port."""
