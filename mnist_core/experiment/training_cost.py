"""The arithmetic an experiment takes, the settings in its compiled code, how it is computed."""

from __future__ import annotations

from typing import Any

from mnist_core.experiment.spec import TRAIN_IMAGES, Experiment, TrainingSpec

# A backward pass multiplies about twice as often as the forward pass before it.
PASSES = 3
# Up to about a second on two cores, for networks of dense layers.
SMALL = 1e11
# Measured on two cores: with one to three dense layers XLA trains 2 to 3 times as fast, deeper
# stacks gain nothing and take a second longer to compile, convolutions are four times slower.
MOST_XLA_LAYERS = 3
# XLA uses one thread where batches are computed in parts. Then a batch of more multiplications,
# forward, trains faster without it: by 11 to 20% with 512 to 4096 units (benchmarks/tried.md).
MOST_XLA_MULTIPLICATIONS = 8e7
# Some fifteen seconds on two threads. Before that, starting another process for it does not pay.
LONG = 2.5e12


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


def xla_pays(experiment: Experiment, parts: int = 1) -> bool:
    """True when XLA trains this experiment faster than TensorFlow's own kernels do, on CPU.

    These compute a batch in so many `parts` side by side.
    """
    kinds = [layer.kind for layer in experiment.network.layers]
    a_batch = multiplications(experiment) * experiment.training.batch_size
    if parts > 1 and a_batch > MOST_XLA_MULTIPLICATIONS:
        return False
    return (
        set(kinds) <= {"flatten", "dense", "activation"}
        and kinds.count("dense") <= MOST_XLA_LAYERS
        and not experiment.training.augmentation.active
    )


def shares_operations(experiment: Experiment) -> bool:
    """True when it is best computed by XLA where threads share each operation, and takes long.

    That is so for large dense layers; all else is faster with the batch in parts.
    """
    alone_in_xla = xla_pays(experiment) and not xla_pays(experiment, parts=2)
    return alone_in_xla and cost(experiment) >= LONG


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
