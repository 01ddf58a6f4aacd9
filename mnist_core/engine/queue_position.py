"""The queue as the one who waits sees it: how many come before, and for about how long."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mnist_core.experiment.spec import Experiment
from mnist_core.experiment.training_cost import images_trained, multiplications
from mnist_core.storage.store import Run


@dataclass(frozen=True)
class Place:
    """`ahead`: how many runs start before this one; `seconds` until it starts, None if unknown.

    `paused` of those ahead keep a training process while they pause, nobody knows how long.
    """

    ahead: int
    seconds: float | None
    paused: int = 0


def place(
    run_id: str,
    active: Sequence[Run],
    seats: int,
    recent: Sequence[Run] = (),
    longest: float | None = None,
) -> Place | None:
    """A run's place among the `active` ones, in the order in which they were queued.

    `seats` is how many train at once. The wait follows from how fast `recent` runs were; no run
    takes more than `longest` seconds. None when the run does not wait.
    """
    order = [run.id for run in active if run.status == "queued"]
    if run_id not in order:
        return None
    training = [run for run in active if run.status != "queued"]
    before = active[: [run.id for run in active].index(run_id)]
    waiting = [run for run in before if run.status == "queued"]
    ahead = max(0, len(training) + len(waiting) - max(0, seats - 1))
    paused = sum(run.status == "paused" for run in training)
    trains = [run for run in training if run.status != "paused"]
    durations = [_left(run, recent, longest) for run in [*trains, *waiting]]
    unknown = any(seconds is None for seconds in durations) or 0 < seats <= paused
    if unknown:
        return Place(ahead, None if ahead else 0.0, paused)
    # Each run goes to the seat that is free first.
    free = [0.0] * max(1, seats - paused)
    for seconds in durations:
        heapq.heappush(free, heapq.heappop(free) + (seconds or 0.0))
    return Place(ahead, free[0], paused)


def expected_seconds(experiment: Experiment, recent: Sequence[Run]) -> float | None:
    """How long the experiment trains, from the images a second of runs of the same network.

    Of other networks, when there is none: in proportion to their multiplications. None when
    nothing is known.
    """
    measured = [run for run in recent if run.images_per_second]
    same = [run for run in measured if run.experiment.network == experiment.network]
    if same:
        rate = median(run.images_per_second or 0.0 for run in same)
    elif measured:
        speed = median(
            (run.images_per_second or 0.0) * multiplications(run.experiment) for run in measured
        )
        rate = speed / multiplications(experiment)
    else:
        return None
    return images_trained(experiment) / rate


def _left(run: Run, recent: Sequence[Run], longest: float | None) -> float | None:
    """The seconds that a run still trains."""
    if run.status != "queued" and run.seconds_left is not None:
        left: float | None = run.seconds_left
    else:
        left = expected_seconds(run.experiment, recent)
        if left is not None and run.total_steps:
            left *= max(0.0, 1 - run.step / run.total_steps)
    return left if left is None or longest is None else min(left, longest)
