"""A queue of heavy jobs that takes turns round the visitors, one job at a time for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

Result = TypeVar("Result")

# One visitor's jobs that wait; each may hold a file of many megabytes.
MOST_WAITING = 20


class QueueFull(RuntimeError):
    """A visitor has too many jobs waiting; the message is a sentence for the person."""


@dataclass(frozen=True)
class Progress:
    """The progress of a job.

    `ahead` is how many jobs end before this one begins, 0 once it runs; `seconds` is how long it
    has been running, None while it waits.
    """

    ahead: int
    seconds: float | None


@dataclass(eq=False)
class _Job:
    visitor: str
    work: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)
    began: float | None = None


@dataclass(frozen=True)
class VisitorJobs:
    """A queue as one visitor's pages see it; made by `JobQueue.of`."""

    queue: JobQueue
    visitor: str

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Have `work` done when it is this visitor's turn. Raises QueueFull."""
        return self.queue.submit(self.visitor, work)


class JobQueue:
    """Runs at most `slots` jobs at once, each in a thread, and at most one of a visitor.

    Visitors take turns, so that twenty jobs of one delay another's first job by one.
    """

    def __init__(self, name: str, slots: int = 1, most_waiting: int = MOST_WAITING) -> None:
        self._name, self._slots, self._most_waiting = name, slots, most_waiting
        self._lock = threading.Lock()
        self._running: list[_Job] = []
        self._waiting: dict[str, list[_Job]] = {}
        # How many jobs had begun when one of this visitor began last.
        self._served: dict[str, int] = {}
        self._begun = 0

    def of(self, visitor: str) -> VisitorJobs:
        """This queue for one visitor."""
        return VisitorJobs(self, visitor)

    def submit(self, visitor: str, work: Callable[[], Result]) -> Future[Result]:
        """Have `work` done when it is this visitor's turn; `cancel` takes it out again.

        Raises QueueFull.
        """
        job = _Job(visitor, work)
        with self._lock:
            self._forget_cancelled()
            own = self._waiting.setdefault(visitor, [])
            if len(own) >= self._most_waiting:
                raise QueueFull(
                    f"{len(own)} of your files or conversions are waiting already. Try again when "
                    "some of them are done."
                )
            own.append(job)
            self._start_next()
        return job.future

    def progress(self, future: Future[Any]) -> Progress | None:
        """The progress of a job of this queue; None when it is over or was never here."""
        with self._lock:
            self._forget_cancelled()
            for job in self._running:
                if job.future is future and job.began is not None:
                    return Progress(0, time.monotonic() - job.began)
            order = _turns([self._waiting[visitor] for visitor in self._order()])
            for place, job in enumerate(order):
                if job.future is future:
                    return Progress(len(self._running) + place, None)
        return None

    def _start_next(self) -> None:
        """Start jobs while there is room; the lock is held."""
        while len(self._running) < self._slots:
            busy = {job.visitor for job in self._running}
            visitor = next((name for name in self._order() if name not in busy), None)
            if visitor is None:
                return
            job = self._waiting[visitor].pop(0)
            if job.future.set_running_or_notify_cancel():
                self._begin(job)
            self._forget_cancelled()

    def _order(self) -> list[str]:
        """Visitors whose jobs wait, whoever was served longest ago first."""
        return sorted(self._waiting, key=lambda visitor: self._served.get(visitor, 0))

    def _begin(self, job: _Job) -> None:
        self._begun += 1
        self._served[job.visitor] = self._begun
        job.began = time.monotonic()
        self._running.append(job)
        threading.Thread(target=self._run, args=(job,), name=self._name, daemon=True).start()

    def _run(self, job: _Job) -> None:
        try:
            result = job.work()
        except BaseException as error:  # the one who asked gets it, whatever it is
            self._leave(job)
            job.future.set_exception(error)
        else:
            self._leave(job)
            job.future.set_result(result)

    def _leave(self, job: _Job) -> None:
        with self._lock:
            self._running.remove(job)
            self._start_next()
            here = self._waiting.keys() | {job.visitor for job in self._running}
            self._served = {visitor: at for visitor, at in self._served.items() if visitor in here}

    def _forget_cancelled(self) -> None:
        for visitor, jobs in list(self._waiting.items()):
            jobs[:] = [job for job in jobs if not job.future.cancelled()]
            if not jobs:
                del self._waiting[visitor]


def _turns(waiting: list[list[_Job]]) -> list[_Job]:
    """The order in which jobs begin: the first of each visitor, then the second of each."""
    longest = max((len(jobs) for jobs in waiting), default=0)
    return [jobs[turn] for turn in range(longest) for jobs in waiting if turn < len(jobs)]
