"""Ended runs in a store, for tests of what is done with them afterwards; no training."""

from __future__ import annotations

import numpy as np

from mnist_core.experiment.spec import Experiment
from mnist_core.inspection.weights import layer_weights
from mnist_core.storage.store import Store
from mnist_core.training.events import Epoch, Finished, Snapshot, Started, Steps, pack_arrays

SMALL = Experiment.from_query("layers=flatten;dense(units:4)&epochs=2&name=small")


def some_weights(experiment: Experiment, seed: int) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(seed)
    return tuple(
        np.abs(draw.normal(0, 0.1, shape)).astype(np.float32)
        for layer in layer_weights(experiment.network)
        for shape in layer.shapes
    )


def ended_run(
    store: Store, experiment: Experiment = SMALL, owner: str = "local", steps: int = 20
) -> str:
    """A finished run of two epochs with three snapshots and something odd in its curve."""
    run = store.create_run(experiment, owner)
    store.record(run, Started(steps, steps // 2, experiment.network.parameters))
    loss = (1 / np.arange(1, steps + 1)).astype(np.float32)
    loss[3] = np.nan
    for first in range(0, steps, 5):
        part = loss[first : first + 5]
        values = np.linspace(0, 1, len(part), dtype=np.float32)
        store.record(run, Steps(first + 1, part, values, 0.01, 1, 1.0, steps, 100.0))
    state = pack_arrays([np.array(steps), *some_weights(experiment, 9)])
    for step in (0, steps // 2, steps):
        weights = some_weights(experiment, step)
        store.record(run, Snapshot(step, 2 * step / steps, weights, 0.5, state, 0.25))
    store.record(run, Epoch(1, steps // 2, 0.5, 0.7, 0.6, 0.8, 1.5))
    store.record(run, Epoch(2, steps, 0.25, 0.9, float("nan"), 0.85, 1.25))
    store.record(run, Finished(steps, 2, 0.3, 0.9, "target", 2.75))
    return run
