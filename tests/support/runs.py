"""Runs of a pretended training, and waiting for what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mnist_core import Experiment
from mnist_core.storage.store import Run, Store

FAKE = "tests.support.fake_training:train"
LONG = Experiment.from_query("preset=two-layer&epochs=200")
SHORT = Experiment.from_query("preset=two-layer&epochs=1")


def wait(condition: Callable[[], object], what: str = "", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"This never came: {what}"
        time.sleep(0.02)


def reach(store: Store, run_id: str, test: Callable[[Run], object]) -> Run:
    wait(lambda: test(store.run(run_id)), f"a state of {store.run(run_id)}")
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
