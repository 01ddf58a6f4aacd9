"""The arithmetic that an experiment takes, and the settings built into its compiled code."""

from __future__ import annotations

from typing import Any

from mnist_core.experiment.spec import TRAIN_IMAGES, Experiment, TrainingSpec

# A backward pass multiplies about twice as often as the forward pass before it.
PASSES = 3
# Up to about a second on two cores, for networks of dense layers.
SMALL = 1e11


def images_an_epoch(training: TrainingSpec, there: int = TRAIN_IMAGES) -> int:
    """The images trained on in an epoch, of a data set with `there` training images."""
    of_all = there - round(there * training.validation_share)
    return min(of_all, training.training_images or of_all)


def multiplications(experiment: Experiment) -> int:
    """Of one image, forward; at least 1."""
    return max(1, sum(row.multiplications for row in experiment.network.shapes()))


def cost(experiment: Experiment, there: int = TRAIN_IMAGES) -> float:
    """Multiplications of the whole training, on a data set with `there` training images."""
    training = experiment.training
    images = training.epochs * images_an_epoch(training, there)
    return float(PASSES * multiplications(experiment) * images)


def is_small(experiment: Experiment, there: int = TRAIN_IMAGES) -> bool:
    """True when it trains in about a second: then what surrounds a training counts as much."""
    return cost(experiment, there) <= SMALL


def compiled_settings(experiment: Experiment) -> tuple[Any, ...]:
    """The settings built into the compiled training step; runs alike in these can share it."""
    training = experiment.training
    return (
        experiment.network,
        training.optimizer,
        training.weight_decay,
        training.batch_size,
        training.loss,
        training.label_smoothing,
        training.augmentation,
    )
