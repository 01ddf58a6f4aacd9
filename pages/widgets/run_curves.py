"""A run's curves as the charts take them."""

from __future__ import annotations

from mnist_core.evaluation.advice import smoothing_floor
from mnist_core.experiment.changes import story
from mnist_core.experiment.losses import LOSSES
from mnist_core.figures.curves import RunCurves
from mnist_core.storage.store import Run, Store


def run_curves(store: Store, run: Run) -> RunCurves:
    """The run's recorded metrics, as the charts take them."""
    steps, epochs = store.steps(run.id), store.epochs(run.id)
    training = run.experiment.training
    smoothing = training.label_smoothing
    classes = run.experiment.network.classes
    return RunCurves(
        name=run.name,
        step=steps.step,
        loss=steps.loss,
        accuracy=steps.accuracy,
        epoch_steps=[epoch.step for epoch in epochs],
        val_loss=[epoch.val_loss for epoch in epochs],
        val_accuracy=[epoch.val_accuracy for epoch in epochs],
        least_loss=smoothing_floor(smoothing, classes) if smoothing else None,
        loss_title=LOSSES[training.loss].title,
        changes=story(run.experiment, run.changes),
    )
