"""Queue position and estimated wait of a run."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mnist_core.engine.run_duration import BETWEEN, Durations, Estimate
from mnist_core.storage.store import Run


@dataclass(frozen=True)
class Place:
    """`ahead`: how many runs start before this one; `wait` until it starts."""

    ahead: int
    wait: Estimate


def place(
    run_id: str,
    active: Sequence[Run],
    seats: int,
    durations: Durations,
    longest: float | None = None,
) -> Place | None:
    """A run's place among the `active` ones, in the order in which they will be served.

    `seats` is how many train at once. The wait follows from `durations`; no run takes more than
    `longest` seconds. A paused run makes nobody wait: it gives its seat up. None when the run does
    not wait.
    """
    order = [run.id for run in active if run.status == "queued"]
    if run_id not in order:
        return None
    training = [run for run in active if run.status == "running"]
    before = active[: [run.id for run in active].index(run_id)]
    waiting = [run for run in before if run.status == "queued"]
    ahead = max(0, len(training) + len(waiting) - max(0, seats - 1))
    lefts = [_left(run, durations, longest) for run in [*training, *waiting]]
    return Place(ahead, _first_free(lefts, max(1, seats)))


def _left(run: Run, durations: Durations, longest: float | None) -> Estimate:
    """The time for which the run keeps its seat, until the next one has taken it."""
    elapsed = None
    if run.status != "queued" and run.started is not None:
        elapsed = max(0.0, (datetime.now(UTC) - run.started).total_seconds())
    left = durations.left(run, elapsed)
    if longest is not None:
        left = left.at_most(longest)
    return left + Estimate(BETWEEN, BETWEEN, BETWEEN)


def _first_free(lefts: Sequence[Estimate], seats: int) -> Estimate:
    """The time until a seat is free after all these; each takes the one that is free first."""
    bounds = []
    for name in ("least", "likely", "most"):
        free = [0.0] * seats
        for left in lefts:
            heapq.heappush(free, heapq.heappop(free) + getattr(left, name))
        bounds.append(free[0])
    return Estimate(*bounds)
