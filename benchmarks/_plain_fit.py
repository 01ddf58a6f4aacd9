"""Plain Keras, as a tutorial would use it, and how long it takes."""

from __future__ import annotations

import time
from typing import Any

import keras

from mnist_core import Experiment
from mnist_core.data.mnist import ByteArray, Dataset, split
from mnist_core.model.build import build_model, build_optimizer


class Clock(keras.callbacks.Callback):
    """Seconds of training alone, validation left out: of all epochs, and of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = self.first = 0.0
        self._running_since: float | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """An epoch trains from now on."""
        self._running_since = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        """Note that what follows is no training."""
        self._hold()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The epoch is over, with or without a validation before."""
        self._hold()
        self.first = self.first or self.seconds

    def _hold(self) -> None:
        if self._running_since is not None:
            self.seconds += time.perf_counter() - self._running_since
            self._running_since = None


class Target(keras.callbacks.Callback):
    """Tests after each epoch, and ends the training at the first that reaches `until`."""

    def __init__(self, x_test: Any, y_test: Any, until: float) -> None:
        super().__init__()
        self.accuracy, self.epochs = 0.0, 0
        self._test, self._until = (x_test, y_test), until

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Test."""
        self.epochs = epoch + 1
        _, self.accuracy = self.model.evaluate(*self._test, verbose=0)
        self.model.stop_training = self.accuracy >= self._until


def fit_once(
    experiment: Experiment, dataset: Dataset, until: float | None = None
) -> dict[str, float]:
    """Build, compile and `model.fit` as a Keras tutorial would, then test.

    `seconds` is the training alone, from the first epoch's beginning to its validation, summed
    over epochs, `later` that of all but the first; `wall` is everything from building the model
    to the test figures. With `until` each epoch is followed by a test, and the first that
    reaches this accuracy ends the training.
    """
    training = experiment.training
    parts = split(dataset, training)
    x_train, x_val, x_test = map(as_input, (parts.x_train, parts.x_val, dataset.x_test))
    clock = Clock()
    target = Target(x_test, dataset.y_test, until) if until else None
    began = time.perf_counter()
    model = build_model(experiment.network, training.seed)
    model.compile(
        optimizer=build_optimizer(training),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x_train,
        parts.y_train,
        batch_size=training.batch_size,
        epochs=training.epochs,
        validation_data=(x_val, parts.y_val) if len(x_val) else None,
        callbacks=[clock, target] if target else [clock],
        verbose=0,
    )
    if target:
        accuracy = target.accuracy
    else:
        _, accuracy = model.evaluate(x_test, dataset.y_test, verbose=0)
    wall = time.perf_counter() - began
    keras.backend.clear_session()
    return {
        "seconds": clock.seconds,
        "later": clock.seconds - clock.first,
        "wall": wall,
        "test_accuracy": float(accuracy),
        "epochs": target.epochs if target else training.epochs,
    }


def as_input(images: ByteArray) -> Any:
    """uint8 [n, 28, 28] → float32 [n, 28, 28, 1] in [0, 1]."""
    return images[..., None].astype("float32") / 255.0
