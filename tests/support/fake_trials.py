"""A stand-in for training in tests of studies: how good a trial is follows from its settings."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mnist_core.experiment.spec import Experiment
from mnist_core.training.control import Control
from mnist_core.training.events import Epoch, Event, Finished, Resume, Snapshot, Started, Steps

STEPS = 4  # an epoch
# A trial named "held" goes no further than its first epoch while the file that this names exists.
HOLD = "FAKE_TRIALS_HOLD"
EPOCH_SECONDS = {"": 0.005, "slow": 0.2, "very slow": 0.6}


def final_accuracy(experiment: Experiment) -> float:
    """Best, 0.99, at a learning rate of 0.01."""
    return 0.99 - 0.1 * abs(math.log10(experiment.training.learning_rate) + 2)


def train(experiment, *, control: Control, resume: Resume | None = None) -> Iterator[Event]:
    """Each epoch halves what is missing to the final accuracy; the name says how fast it is."""
    if experiment.name == "refuses":
        raise RuntimeError("there is no such network")
    epochs, best = experiment.training.epochs, final_accuracy(experiment)
    seconds = EPOCH_SECONDS.get(experiment.name, 0.005)
    done = resume.step // STEPS if resume else 0
    parameters = experiment.network.parameters
    yield Started(epochs * STEPS, STEPS, parameters, step=done * STEPS)
    while done < epochs and not control.read().stop:
        time.sleep(seconds)
        done += 1
        accuracy = best - 0.5 / 2**done
        values = np.full(STEPS, 1 - accuracy, np.float32)
        step = done * STEPS
        yield Steps(step - STEPS + 1, values, 1 - values, 0.1, done, 0.1 * step, epochs * STEPS)
        yield Epoch(done, step, 1 - accuracy, accuracy, 1 - accuracy, accuracy, 1.0)
        yield Snapshot(step, float(done), (np.full(3, step, np.float32),), accuracy, b"state")
        while _held(experiment) and not control.read().stop:
            time.sleep(0.05)
    reason = "stopped" if done < epochs else "epochs"
    yield Finished(done * STEPS, done, 0.1, best, reason, float(done))


def _held(experiment: Experiment) -> bool:
    return experiment.name == "held" and Path(os.environ[HOLD]).exists()
