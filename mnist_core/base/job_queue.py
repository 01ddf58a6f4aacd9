"""A queue of heavy jobs that takes turns round the visitors, one job at a time for each.

Turns go round the network addresses first, and round the visitors of each: whoever drops their
cookie is a new visitor, at the same address.
"""

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
    address: str
    work: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)
    began: float | None = None


@dataclass(frozen=True)
class VisitorJobs:
    """A queue as one visitor's pages see it; made by `JobQueue.of`."""

    queue: JobQueue
    visitor: str
    address: str | None = None

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Have `work` done when it is this visitor's turn. Raises QueueFull."""
        return self.queue.submit(self.visitor, work, self.address)


class JobQueue:
    """Runs at most `slots` jobs at once, each in a thread, and at most one of a visitor.

    Addresses take turns, and the visitors of an address, so that twenty jobs of one delay another's
    first job by one.
    """

    def __init__(self, name: str, slots: int = 1, most_waiting: int = MOST_WAITING) -> None:
        self._name, self._slots, self._most_waiting = name, slots, most_waiting
        self._lock = threading.Lock()
        self._running: list[_Job] = []
        self._waiting: dict[str, list[_Job]] = {}
        # How many jobs had begun when one of this visitor, or of this address, began last.
        self._served: dict[str, int] = {}
        self._begun = 0

    def of(self, visitor: str, address: str | None = None) -> VisitorJobs:
        """This queue for one visitor, who comes from this address where that is known."""
        return VisitorJobs(self, visitor, address)

    def submit(
        self, visitor: str, work: Callable[[], Result], address: str | None = None
    ) -> Future[Result]:
        """Have `work` done when it is this visitor's turn; `cancel` takes it out again.

        A visitor without an address is taken for one at an address of their own. Raises QueueFull.
        """
        job = _Job(visitor, address or visitor, work)
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
            for place, job in enumerate(self._turns()):
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
        """Visitors whose jobs wait, those of the address that was served longest ago first."""

        def served(visitor: str) -> tuple[int, int]:
            address = self._waiting[visitor][0].address
            return self._served.get(address, 0), self._served.get(visitor, 0)

        return sorted(self._waiting, key=served)

    def _turns(self) -> list[_Job]:
        """The jobs that wait, in the order in which they begin."""
        by_address: dict[str, list[list[_Job]]] = {}
        for visitor in self._order():
            jobs = self._waiting[visitor]
            by_address.setdefault(jobs[0].address, []).append(jobs)
        return _in_turn([_in_turn(visitors) for visitors in by_address.values()])

    def _begin(self, job: _Job) -> None:
        self._begun += 1
        self._served[job.visitor] = self._served[job.address] = self._begun
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
            jobs = [*self._running, *(job for own in self._waiting.values() for job in own)]
            here = {name for job in jobs for name in (job.visitor, job.address)}
            self._served = {name: at for name, at in self._served.items() if name in here}

    def _forget_cancelled(self) -> None:
        for visitor, jobs in list(self._waiting.items()):
            jobs[:] = [job for job in jobs if not job.future.cancelled()]
            if not jobs:
                del self._waiting[visitor]


def _in_turn(waiting: list[list[_Job]]) -> list[_Job]:
    """One of each list, then the second of each, and so on."""
    longest = max((len(jobs) for jobs in waiting), default=0)
    return [jobs[turn] for turn in range(longest) for jobs in waiting if turn < len(jobs)]
