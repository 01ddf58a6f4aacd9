"""The value of a run to its study, and the best trials."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mnist_core.experiment.study import OBJECTIVES, ObjectiveName, StudySpec
from mnist_core.storage.store import Run
from mnist_core.studies.optuna_adapter import Trial
from mnist_core.training.events import Epoch


class NoResult(ValueError):
    """A run that cannot be judged; the message says why."""


def results(spec: StudySpec, run: Run, epochs: Sequence[Epoch]) -> list[float]:
    """One value for each of the study's objectives. Raises NoResult."""
    return [_result(name, spec, run, epochs) for name in spec.objectives]


def at_epoch(spec: StudySpec, run: Run, epoch: Epoch) -> float | None:
    """The value that pruning compares at an epoch's end: the objective's, or for times the error.

    None for an objective that has no such value, and for several objectives.
    """
    name = spec.objectives[0]
    if len(spec.objectives) > 1 or not OBJECTIVES[name].at_epochs or epoch.val_accuracy is None:
        return None
    if name == "time":
        return 1 - epoch.val_accuracy
    if name == "loss":
        return epoch.val_loss
    return epoch.val_accuracy * (_per_parameters(run) if name == "efficiency" else 1)


def best_trial(spec: StudySpec, trials: Sequence[Trial]) -> Trial | None:
    """The finished trial that is best in the first objective."""
    finished = [trial for trial in trials if trial.results]
    return max(finished, key=lambda trial: _worth(spec, trial)[0], default=None)


def front(spec: StudySpec, trials: Sequence[Trial]) -> list[Trial]:
    """The finished trials that no other beats in both objectives."""
    finished = [(trial, _worth(spec, trial)) for trial in trials if trial.results]

    def beaten(worth: tuple[float, ...]) -> bool:
        return any(
            other != worth and all(a >= b for a, b in zip(other, worth, strict=True))
            for _, other in finished
        )

    return [trial for trial, worth in finished if not beaten(worth)]


def _worth(spec: StudySpec, trial: Trial) -> tuple[float, ...]:
    """A trial's results turned so that more is better."""
    signs = [1 if kind.direction == "maximize" else -1 for kind in spec.kinds]
    return tuple(sign * value for sign, value in zip(signs, trial.results or (), strict=True))


def _result(name: ObjectiveName, spec: StudySpec, run: Run, epochs: Sequence[Epoch]) -> float:
    if not epochs or epochs[-1].val_accuracy is None or epochs[-1].val_loss is None:
        raise NoResult("It has no validation result.")
    last = epochs[-1]
    if name == "parameters":
        return float(run.parameters)
    if name == "time":
        return _seconds_to(spec.target, epochs)
    if name == "loss":
        if not math.isfinite(epochs[-1].val_loss or 0):
            raise NoResult("Its validation loss is not a number.")
        return float(last.val_loss or 0)
    accuracy = float(last.val_accuracy or 0)
    return accuracy * (_per_parameters(run) if name == "efficiency" else 1)


def _per_parameters(run: Run) -> float:
    return 1000 / max(1, run.parameters)


def _seconds_to(target: float, epochs: Sequence[Epoch]) -> float:
    """Seconds of training until the first epoch that ended at `target` or above."""
    seconds = 0.0
    for epoch in epochs:
        seconds += epoch.seconds
        if (epoch.val_accuracy or 0) >= target:
            return seconds
    best = max(epoch.val_accuracy or 0 for epoch in epochs)
    raise NoResult(f"It did not reach {100 * target:g}%: its best was {best:.2%}.")
