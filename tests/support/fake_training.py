"""A stand-in for training in tests of the engine: real events, no TensorFlow, a slow clock."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

import numpy as np

from mnist_core.experiment.spec import Experiment
from mnist_core.training.control import Control
from mnist_core.training.events import (
    Changed,
    Epoch,
    Event,
    Finished,
    Released,
    Resume,
    Snapshot,
    Started,
    Steps,
)

STEPS_PER_EPOCH = 20
STEP_SECONDS = 0.02


def train(experiment, *, control: Control, resume: Resume | None = None) -> Iterator[Event]:
    """One step at a time; the loss after step n is 1/n, so that any gap shows."""
    _begin_as(experiment.name)
    step = resume.step if resume else 0
    paused = False

    def total() -> int:
        return STEPS_PER_EPOCH * (experiment.training.epochs + control.read().extra_epochs)

    def steps(count: int) -> Steps:
        loss = 1 / np.arange(step - count + 1, step + 1, dtype=np.float32)
        epoch = max(1, -(-step // STEPS_PER_EPOCH))
        return Steps(step - count + 1, loss, loss, 0.1, epoch, 0.1 * step, total(), paused=paused)

    yield Started(total(), STEPS_PER_EPOCH, 7, step=step)
    while step < total() and not control.read().stop:
        if (asked := control.take_experiment()) is not None:
            experiment = Experiment.from_json(asked)
            yield Changed(step, asked, total(), STEPS_PER_EPOCH, experiment.training.epochs)
        wishes = control.read()
        if wishes.pause and not wishes.steps_allowed:
            if not paused:
                paused = True
                yield steps(0)
                yield Snapshot(step, step / STEPS_PER_EPOCH, (np.zeros(3),), 0.5, b"state")
            if (wishes := control.read()).release:
                yield Released(step, wishes.to_command())
                return
            control.wait(0.2)
            continue
        if control.read().experiment is not None:
            continue
        paused = False
        time.sleep(STEP_SECONDS)
        step += 1
        control.take_step()
        yield steps(1)
        if step % 5 == 0:
            weights = (np.full(3, step, np.float32),)
            yield Snapshot(step, step / STEPS_PER_EPOCH, weights, 0.5, b"state")
        if step % STEPS_PER_EPOCH == 0:
            yield Epoch(step // STEPS_PER_EPOCH, step, 1 / step, 0.5, 0.4, 0.6, 1.0)
    reason = "stopped" if control.read().stop else "epochs"
    yield Finished(step, 1, 0.3, 0.9, reason, 1.0)


def _begin_as(name: str) -> None:
    """What a network of some name does before its first step."""
    if name == "refuses":
        raise RuntimeError("there is no such network")
    if name == "prepares":
        time.sleep(2)
    if name == "hungry":
        eat_memory()


def train_on(
    experiment, dataset, *, control: Control, resume: Resume | None = None
) -> Iterator[Event]:
    """On a data set of one's own: what it was given shows in the results."""
    yield Started(1, 1, experiment.network.parameters)
    share = float((dataset.y_test == 0).mean())
    yield Finished(1, 1, float(dataset.x_train.mean()), share, "epochs", 1.0)


def eat_memory() -> None:
    """Take far more memory than this process is allowed from now on; MemoryError comes of it."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (100_000_000, before[1]))
    try:
        np.ones(500_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
