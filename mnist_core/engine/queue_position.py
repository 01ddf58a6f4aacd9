"""Queue position and estimated wait."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mnist_core.experiment.spec import TRAIN_IMAGES, Experiment
from mnist_core.storage.store import Run


@dataclass(frozen=True)
class Place:
    """`ahead`: how many runs start before this one; `seconds` until it starts, None if unknown."""

    ahead: int
    seconds: float | None


def place(
    run_id: str,
    active: Sequence[Run],
    seats: int,
    recent: Sequence[Run] = (),
    longest: float | None = None,
) -> Place | None:
    """A run's place among the `active` ones, in the order in which they were queued.

    `seats` is how many train at once. The wait follows from how fast `recent` runs were; no run
    takes more than `longest` seconds. A paused run makes nobody wait: it gives its seat up. None
    when the run does not wait.
    """
    order = [run.id for run in active if run.status == "queued"]
    if run_id not in order:
        return None
    training = [run for run in active if run.status == "running"]
    before = active[: [run.id for run in active].index(run_id)]
    waiting = [run for run in before if run.status == "queued"]
    ahead = max(0, len(training) + len(waiting) - max(0, seats - 1))
    durations = [_left(run, recent, longest) for run in [*training, *waiting]]
    if any(seconds is None for seconds in durations):
        return Place(ahead, None if ahead else 0.0)
    # Each run goes to the seat that is free first.
    free = [0.0] * max(1, seats)
    for seconds in durations:
        heapq.heappush(free, heapq.heappop(free) + (seconds or 0.0))
    return Place(ahead, free[0])


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
        speed = median((run.images_per_second or 0.0) * _work(run.experiment) for run in measured)
        rate = speed / _work(experiment)
    else:
        return None
    return _images(experiment) / rate


def _left(run: Run, recent: Sequence[Run], longest: float | None) -> float | None:
    """The seconds that a run still trains."""
    if run.status != "queued" and run.seconds_left is not None:
        left: float | None = run.seconds_left
    else:
        left = expected_seconds(run.experiment, recent)
        if left is not None and run.total_steps:
            left *= max(0.0, 1 - run.step / run.total_steps)
    return left if left is None or longest is None else min(left, longest)


def _images(experiment: Experiment) -> float:
    training = experiment.training
    of_all = TRAIN_IMAGES - training.validation_images
    return training.epochs * min(of_all, training.training_images or of_all)


def _work(experiment: Experiment) -> int:
    return max(1, sum(row.multiplications for row in experiment.network.shapes()))
