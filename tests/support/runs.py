"""Runs of a pretended training, and waiting for what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.storage.store import Run, Store
from mnist_core.training.events import Finished, Snapshot, Started, Steps

FAKE = "tests.support.fake_training:train"
LONG = Experiment.from_query("preset=two-layer&epochs=200")
SHORT = Experiment.from_query("preset=two-layer&epochs=1")


def wait(condition: Callable[[], object], what: str = "", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"This never came: {what}"
        time.sleep(0.02)


def reach(store: Store, run_id: str, test: Callable[[Run], object], seconds: float = 60) -> Run:
    wait(lambda: test(store.run(run_id)), f"a state of {store.run(run_id)}", seconds)
    return store.run(run_id)


def is_status(*statuses: str) -> Callable[[Run], bool]:
    return lambda run: run.status in statuses


def whole(store: Store, run_id: str) -> bool:
    """True when the curve has each step once, with its own value."""
    metrics = store.steps(run_id)
    steps = list(range(1, len(metrics.step) + 1))
    return metrics.step.tolist() == steps and metrics.loss.tolist() == pytest.approx(
        [1 / step for step in steps]
    )


def recorded(store: Store, steps: int = 200) -> str:
    """A finished run with two snapshots."""
    run_id = store.create_run(PRESETS["two-layer"], preset="two-layer")
    store.record(run_id, Started(2 * steps, steps, 7))
    for first in range(1, steps + 1, 10):
        loss = 1 / np.arange(first, first + 10, dtype=np.float32)
        store.record(run_id, Steps(first, loss, loss, 0.1, 1, 1.0, 2 * steps))
    rng = np.random.default_rng(0)
    shapes = ((784, 32), (32,), (32, 10), (10,))
    for step in (0, steps):
        weights = tuple(rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes)
        store.record(run_id, Snapshot(step, step / steps, weights, 0.5, b"state"))
    store.record(run_id, Finished(steps, 1, 0.3, 0.9, "stopped", 1.0))
    return run_id
