"""Durations of runs: from runs of the same kind here, else from their size.

A run takes so many seconds a step, and others besides: once, to build and compile its network and
to read the test images, and in each epoch, to validate it and keep its weights. What runs here have
told of both is the measure. A network that has not been trained here is reckoned from its size, and
the reckoning is corrected by how far off it was for networks that have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mnist_core.experiment.spec import MNIST, TRAIN_IMAGES, Experiment
from mnist_core.experiment.training_cost import compiled_settings, images_an_epoch
from mnist_core.storage.store import Run

# Seconds for a multiplication, a value of a feature map, a parameter that the optimiser changes,
# and for each step: fitted to thirteen networks on two cores of a server (EPYC).
A_MULTIPLICATION, A_VALUE, A_PARAMETER, A_STEP = 3e-11, 2.2e-9, 3e-9, 2e-4
# Of a network not trained here before, which is compiled, and between two runs.
OTHER, BETWEEN = 3.0, 0.4
# Runs whose epochs differ by so many tell what an epoch takes besides its steps.
EPOCHS_APART = 10
# Of one that was not asked for more steps than this, the seconds a step say little.
FEWEST_STEPS = 20
# So many newest runs of the same kind count.
NEWEST = 7
# By which factor what comes may differ: the same network, another one, none at all has trained.
SAME, OTHERS, NONE = 1.3, 1.8, 2.5


@dataclass(frozen=True)
class Estimate:
    """Seconds that something is expected to take: most likely, and the bounds that it has."""

    least: float
    likely: float
    most: float

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.least + other.least, self.likely + other.likely, self.most + other.most
        )

    def at_most(self, seconds: float) -> Estimate:
        """The same for what ends after `seconds` at the latest."""
        return Estimate(*(min(value, seconds) for value in (self.least, self.likely, self.most)))

    @property
    def sure(self) -> bool:
        """True when one figure says it."""
        return self.most <= 1.8 * self.least or self.most < 5


@dataclass(frozen=True)
class _Pace:
    """Seconds that a run takes once, for each epoch and for each step; `factor` it may be off."""

    once: float
    an_epoch: float
    a_step: float
    factor: float

    def seconds(self, epochs: float, steps: int) -> float:
        return self.once + self.an_epoch * epochs + self.a_step * steps


class Durations:
    """The durations of runs that are known here."""

    def __init__(self, ended: Sequence[Run] = (), images: Mapping[str, int] | None = None) -> None:
        """`ended` are runs that told how long they took, the newest first.

        `images` are the numbers of training images of data sets by name, MNIST's known anyway.
        """
        self._ended = [
            run for run in ended if run.step_seconds is not None and run.step >= FEWEST_STEPS
        ]
        self._images = {MNIST: TRAIN_IMAGES, **(images or {})}

    def of_run(self, run: Run) -> Estimate:
        """The time of the whole run, epochs asked for meanwhile included."""
        return self.expect(run.present_experiment, run.total_steps or None)

    def expect(self, experiment: Experiment, steps: int | None = None) -> Estimate:
        """The expected time of the experiment, with `steps` in all where these are known."""
        training, planned = experiment.training, self.steps(experiment)
        steps = planned if steps is None else steps
        epochs = training.epochs * steps / planned
        pace = self._known(experiment)
        seconds = pace.seconds(epochs, steps)
        least = seconds / pace.factor
        if training.patience is not None or training.target_accuracy is not None:
            least = min(least, seconds / 3)  # it may well end before its last epoch
        found = Estimate(least, seconds, seconds * pace.factor)
        minutes = training.max_minutes
        return found if minutes is None else found.at_most(60 * minutes + pace.seconds(epochs, 0))

    def left(self, run: Run, elapsed: float | None = None) -> Estimate:
        """The time that a run still takes that was queued or has trained for `elapsed` seconds."""
        whole = self.of_run(run)
        resumed = 0 < run.step < run.total_steps
        if (run.status == "queued" and not resumed) or not run.total_steps:
            return whole
        if not run.step:  # it is being compiled
            gone = min(elapsed or 0.0, 0.8 * whole.least)
            return Estimate(whole.least - gone, whole.likely - gone, whole.most - gone)
        if run.seconds_left is not None:  # measured on its own steps
            # Validation is measured with them; the test is to come.
            left = run.seconds_left + 0.3 * self._known(run.present_experiment).once
            return Estimate(left / SAME, left, left * SAME)
        share = max(0.0, 1 - run.step / run.total_steps)
        return Estimate(whole.least * share, whole.likely * share, whole.most * share)

    def steps(self, experiment: Experiment) -> int:
        """The steps that the experiment takes on its data set's images."""
        training = experiment.training
        images = max(1, images_an_epoch(training, self._images.get(experiment.data, TRAIN_IMAGES)))
        return training.epochs * math.ceil(images / training.batch_size)

    def _known(self, experiment: Experiment) -> _Pace:
        same = self._like(experiment, _same)
        if same:
            factor = SAME if len(same) > 1 else 1.2 * SAME
            return _Pace(*_besides(same), _median(run.step_seconds for run in same), factor)
        alike = self._like(experiment, _kind) or self._ended[:NEWEST]
        if not alike:
            return _Pace(OTHER, 0.0, seconds_a_step(experiment), NONE)
        off = _median((run.step_seconds or 0.0) / seconds_a_step(run.experiment) for run in alike)
        once, an_epoch = _besides(alike)
        return _Pace(max(OTHER / 2, once), an_epoch, off * seconds_a_step(experiment), OTHERS)

    def _like(self, experiment: Experiment, what: Any) -> list[Run]:
        wanted = what(experiment)
        return [run for run in self._ended if what(run.experiment) == wanted][:NEWEST]


def seconds_a_step(experiment: Experiment) -> float:
    """An estimate from the network's size and the batch size alone."""
    rows, batch = experiment.network.shapes(), experiment.training.batch_size
    values = sum(math.prod(row.output_shape) for row in rows[1:] if len(row.output_shape) == 3)
    return (
        A_STEP
        + A_MULTIPLICATION * batch * sum(row.multiplications for row in rows)
        + A_VALUE * batch * values
        + A_PARAMETER * sum(row.parameters for row in rows)
    )


def _same(experiment: Experiment) -> Any:
    """Networks of which one takes as long a step as the other."""
    return compiled_settings(experiment), experiment.training.precision


def _kind(experiment: Experiment) -> Any:
    """Networks of which one tells of another: dense ones or convolutions, images changed or not."""
    kinds = {layer.kind for layer in experiment.network.layers}
    return "conv" in kinds, experiment.training.augmentation.active


def _besides(runs: Sequence[Run]) -> tuple[float, float]:
    """Seconds besides the steps: once, and for each epoch.

    The median slope over pairs of runs far enough apart (Theil–Sen). Without any such pair, what is
    more than a run usually takes once comes from its epochs.
    """
    told = [(max(1, run.epoch), run.other_seconds or 0.0) for run in runs]
    slopes = [
        (more - less) / (long - short)
        for short, less in told
        for long, more in told
        if long - short >= EPOCHS_APART
    ]
    slopes = slopes or [(seconds - OTHER) / epochs for epochs, seconds in told]
    an_epoch = max(0.0, _median(slopes))
    return max(0.0, _median(seconds - an_epoch * epochs for epochs, seconds in told)), an_epoch


def _median(values: Iterable[float | None]) -> float:
    return float(median(value or 0.0 for value in values))
