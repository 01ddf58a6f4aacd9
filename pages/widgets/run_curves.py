"""A run's curves as the charts take them."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_core.evaluation.advice import smoothing_floor
from mnist_core.experiment.changes import Change, story
from mnist_core.experiment.losses import LOSSES
from mnist_core.experiment.spec import Experiment
from mnist_core.figures.curves import RunCurves
from mnist_core.files.runfile import EpochFacts, RunFile
from mnist_core.storage.metric_buffer import StepMetrics
from mnist_core.storage.store import Run, Store
from mnist_core.training.events import Epoch


def run_curves(store: Store, run: Run) -> RunCurves:
    """The run's recorded metrics, as the charts take them."""
    steps, epochs = store.steps(run.id), store.epochs(run.id)
    return _curves(run.name, run.experiment, run.changes, steps, epochs)


def opened_curves(run: RunFile, name: str) -> RunCurves:
    """The same of a run that was read from a file."""
    steps = StepMetrics(run.steps, run.loss, run.accuracy)
    return _curves(name, run.experiment, run.changes, steps, run.facts.epochs)


def _curves(
    name: str,
    experiment: Experiment,
    changes: Sequence[Change],
    steps: StepMetrics,
    epochs: Sequence[Epoch | EpochFacts],
) -> RunCurves:
    training = experiment.training
    smoothing = training.label_smoothing
    return RunCurves(
        name=name,
        step=steps.step,
        loss=steps.loss,
        accuracy=steps.accuracy,
        epoch_steps=[epoch.step for epoch in epochs],
        val_loss=[epoch.val_loss for epoch in epochs],
        val_accuracy=[epoch.val_accuracy for epoch in epochs],
        least_loss=smoothing_floor(smoothing, experiment.network.classes) if smoothing else None,
        loss_title=LOSSES[training.loss].title,
        changes=story(experiment, changes),
    )
