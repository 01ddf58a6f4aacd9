"""Teach a trained network a few corrections, and measure what it forgets over that.

The network that is taught is a copy. Trained on the corrections alone it soon gives up what it
knew, because nothing reminds it; with old training images among them it forgets far less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_core.data import mnist
from mnist_core.experiment.spec import MAX_NAME_LENGTH, Experiment, NetworkSpec
from mnist_core.inspection.activations import FloatArray, Weights, probe
from mnist_core.storage.corrections import Corrections
from mnist_core.storage.store import Store
from mnist_core.training.events import Finished, Snapshot, Started

LEARNING_RATE = 1e-3
# Images of a step: at most so many corrections and, on request, so many training images.
BATCH = 32
REMINDERS = 96
# The weights are measured at the start and after every so many steps, on this many test images.
EVERY = 10
QUICK_IMAGES = 1000


@dataclass(frozen=True, eq=False)
class TaughtSnapshot:
    """The copy after `step` steps; the shares are of images read right."""

    step: int
    test_share: float
    corrections_share: float
    weights: tuple[npt.NDArray[np.float32], ...]


@dataclass(frozen=True, eq=False)
class FineTuned:
    """Before and after. `per_digit_…` float [10] are shares of all test images of each digit."""

    snapshots: tuple[TaughtSnapshot, ...]
    test_before: float
    test_after: float
    per_digit_before: npt.NDArray[np.float64]
    per_digit_after: npt.NDArray[np.float64]

    @property
    def weights(self) -> tuple[npt.NDArray[np.float32], ...]:
        """The taught copy's."""
        return self.snapshots[-1].weights


def fine_tune(
    network: NetworkSpec,
    weights: Weights,
    corrections: Corrections,
    *,
    steps: int,
    remind: bool,
    seed: int = 0,
    tell: Callable[[float], None] = lambda share: None,
) -> FineTuned:
    """Take `steps` steps of Adam on the corrections; `remind` mixes training images in.

    `tell` hears the share that is done. Raises ValueError without corrections, and WeightsError.
    """
    if not len(corrections):
        raise ValueError("There are no corrections to learn from.")
    data = mnist.load()
    reader, x_test = probe(network), mnist.ink(data.x_test)
    learner = _Learner(network, weights)
    generator = np.random.default_rng(seed)
    snapshots: list[TaughtSnapshot] = []

    def note(step: int) -> None:
        now = learner.weights()
        quick = reader.probabilities(now, x_test[:QUICK_IMAGES])
        corrected = reader.probabilities(now, corrections.ink)
        test_share = _share(quick, data.y_test[:QUICK_IMAGES])
        snapshots.append(
            TaughtSnapshot(step, test_share, _share(corrected, corrections.labels), now)
        )
        tell(step / steps)

    note(0)
    for step in range(1, steps + 1):
        learner.step(*_batch(corrections, data if remind else None, generator))
        if step % EVERY == 0 or step == steps:
            note(step)
    before, after = (
        reader.probabilities(snapshot.weights, x_test).argmax(1) == data.y_test
        for snapshot in (snapshots[0], snapshots[-1])
    )
    return FineTuned(
        tuple(snapshots),
        float(before.mean()),
        float(after.mean()),
        _per_digit(before, data.y_test),
        _per_digit(after, data.y_test),
    )


def keep_as_run(
    store: Store, result: FineTuned, experiment: Experiment, name: str, owner: str = "local"
) -> str:
    """Keep the taught copy and the way to it as a run of its own; returns its id."""
    steps = result.snapshots[-1].step
    named = experiment.model_copy(update={"name": name[:MAX_NAME_LENGTH]})
    run = store.create_run(named, owner)
    store.rename(run, name[:120])
    parameters = sum(weight.size for weight in result.weights)
    store.record(run, Started(steps, steps, parameters))
    for snapshot in result.snapshots:
        store.record(
            run,
            Snapshot(snapshot.step, snapshot.step / steps, snapshot.weights, snapshot.test_share),
        )
    store.record(run, Finished(steps, 1, None, result.test_after, "epochs", 0.0))
    return run


class _Learner:
    """A copy of the network with Adam."""

    def __init__(self, network: NetworkSpec, weights: Weights) -> None:
        import keras
        import tensorflow as tf

        from mnist_core.model.build import build_model

        probe(network).checked(weights)
        model = build_model(network)
        model.set_weights(list(weights))
        optimizer = keras.optimizers.Adam(LEARNING_RATE)
        optimizer.build(model.trainable_variables)

        @tf.function(reduce_retracing=True)
        def step(images: object, labels: object) -> None:
            with tf.GradientTape() as tape:
                # As in prediction: a few corrections are no measure for batch normalisation.
                probabilities = model(images, training=False)
                loss = tf.reduce_mean(
                    keras.losses.sparse_categorical_crossentropy(labels, probabilities)
                )
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

        self._model, self._step = model, step

    def step(self, images: FloatArray, labels: npt.NDArray[np.uint8]) -> None:
        """One step of gradient descent."""
        self._step(images[..., None], labels.astype(np.int32))

    def weights(self) -> tuple[npt.NDArray[np.float32], ...]:
        """As they are now."""
        return tuple(np.array(weight) for weight in self._model.get_weights())


def _batch(
    corrections: Corrections, data: mnist.Dataset | None, generator: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    size = min(BATCH, len(corrections))
    chosen = generator.choice(len(corrections), size, replace=False)
    images, labels = corrections.images[chosen], corrections.labels[chosen]
    if data is not None:
        more = generator.choice(len(data.x_train), REMINDERS, replace=False)
        images = np.concatenate([images, data.x_train[more]])
        labels = np.concatenate([labels, data.y_train[more]])
    return mnist.ink(images), labels


def _share(probabilities: FloatArray, labels: npt.NDArray[np.uint8]) -> float:
    return float((probabilities.argmax(1) == labels).mean())


def _per_digit(
    right: npt.NDArray[np.bool_], labels: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    return np.array([right[labels == digit].mean() for digit in range(10)])
