"""The other side of `train`: plain Keras in a process of its own, driven over pipes.

Each line of standard input asks for one run; each line of standard output answers it, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from mnist_core import Experiment
from mnist_core.build import build_model, build_optimizer
from mnist_core.dataset import ByteArray, Dataset, load, split


def fit_once(
    experiment: Experiment, dataset: Dataset, until: float | None = None
) -> dict[str, float]:
    """Build, compile and `model.fit` as a Keras tutorial would, then test.

    `seconds` is the training alone, from the first epoch's beginning to its validation, summed
    over epochs, `later` that of all but the first; `wall` is everything from building the model
    to the test figures. With `until` each epoch is followed by a test, and the first that
    reaches this accuracy ends the training.
    """
    import keras

    class Target(keras.callbacks.Callback):
        accuracy = 0.0
        epochs = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs = epoch + 1
            _, self.accuracy = self.model.evaluate(x_test, dataset.y_test, verbose=0)
            self.model.stop_training = until is not None and self.accuracy >= until

    class Clock(keras.callbacks.Callback):
        seconds = first = 0.0
        running_since: float | None = None

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.running_since = time.perf_counter()

        def on_test_begin(self, logs: Any = None) -> None:
            self.hold()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.hold()
            self.first = self.first or self.seconds

        def hold(self) -> None:
            if self.running_since is not None:
                self.seconds += time.perf_counter() - self.running_since
                self.running_since = None

    training = experiment.training
    parts = split(dataset, training)
    x_train, x_val, x_test = map(as_input, (parts.x_train, parts.x_val, dataset.x_test))
    clock, target = Clock(), Target()
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
        callbacks=[clock, target] if until else [clock],
        verbose=0,
    )
    if until:
        accuracy = target.accuracy
    else:
        _, accuracy = model.evaluate(x_test, dataset.y_test, verbose=0)
    wall = time.perf_counter() - began
    keras.backend.clear_session()
    later = clock.seconds - clock.first
    return {
        "seconds": clock.seconds,
        "later": later,
        "wall": wall,
        "test_accuracy": float(accuracy),
        "epochs": target.epochs or training.epochs,
    }


def as_input(images: ByteArray) -> Any:
    """uint8 [n, 28, 28] → float32 [n, 28, 28, 1] in [0, 1]."""
    return images[..., None].astype("float32") / 255.0


def main() -> None:
    """Answer until standard input ends."""
    # TensorFlow writes to standard output at times: the answers get it for themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    dataset = load()
    for line in sys.stdin:
        question = json.loads(line)
        experiment = Experiment.parse(question["experiment"])
        result = fit_once(experiment, dataset, question["until"])
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
