"""Weights by layer, as Keras lists them; histograms; networks that diverged."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_core import PRESETS
from mnist_core.inspection.activations import probe
from mnist_core.inspection.weights import (
    diverged,
    first_nan_step,
    histogram,
    initial_weights,
    kernels,
    layer_weights,
)
from mnist_core.model.build import build_model
from tests.support.inside_networks import NETWORKS, random_weights


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_own_the_weights_that_keras_lists(name: str) -> None:
    spec = NETWORKS[name]
    rows = layer_weights(spec)
    layers = [layer for layer in probe(spec).layers if layer.weights]
    assert [(row.name, row.indices, row.position) for row in rows] == [
        (layer.name, layer.weights, layer.position) for layer in layers
    ]
    shapes = [shape for row in rows for shape in row.shapes]
    assert shapes == [tuple(weight.shape) for weight in build_model(spec).weights]
    assert [row.units for row in rows] == [layer.shape[-1] for layer in layers]


def test_kernels_are_those_of_keras_layers() -> None:
    spec = PRESETS["best"].network
    weights = random_weights(spec)
    model = build_model(spec)
    model.set_weights(weights)
    found = kernels(spec, weights)
    convolutions = [f"conv_{place}" for place in range(1, 20, 3)]
    assert [kernel.layer for kernel in found] == [*convolutions, "logits"]
    for kernel in found:
        np.testing.assert_array_equal(kernel.kernel, model.get_layer(kernel.layer).kernel)
        np.testing.assert_array_equal(kernel.bias, model.get_layer(kernel.layer).bias)
        assert kernel.kernel is weights[kernel.kernel_index]
        assert kernel.bias is weights[kernel.bias_index]


def test_initial_weights_are_those_training_starts_from() -> None:
    from mnist_core import train

    experiment = PRESETS["two-layer"]
    training = experiment.training.model_copy(update={"seed": 5, "training_images": 100})
    events = train(experiment.model_copy(update={"training": training}))
    first = next(event for event in events if event.kind == "snapshot")
    assert first.step == 0
    for mine, theirs in zip(initial_weights(experiment.network, 5), first.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_histogram_counts_both_in_the_same_bins() -> None:
    generator = np.random.default_rng(0)
    now, then = generator.normal(0, 2, (40, 5)), generator.normal(0, 1, 30)
    found = histogram(now, then, 12)
    assert len(found.edges) == 13
    assert found.edges[0] == min(now.min(), then.min())
    assert found.edges[-1] == max(now.max(), then.max())
    for counts, values in ((found.now, now.ravel()), (found.then, then)):
        assert counts.sum() == values.size
        for at, count in enumerate(counts):
            last = at == 11
            low, high = found.edges[at : at + 2]
            assert count == sum(low <= v and (v <= high if last else v < high) for v in values)


@pytest.mark.parametrize(
    ("now", "then", "counted"),
    [
        ([0.0, 0.0], [0.0], (2, 1)),  # biases before the first step
        ([np.nan, np.inf, 1.0], [2.0], (1, 1)),
        ([np.nan], [-np.inf], (0, 0)),
        ([], [], (0, 0)),
        ([1e-40, 3e38], [-3e38], (2, 1)),
        ([0.1, 0.1 + 1e-17], [0.1], (2, 1)),
    ],
)
def test_a_histogram_of_anything_can_be_drawn(now, then, counted) -> None:
    found = histogram(np.array(now, np.float32), np.array(then, np.float32), 10)
    assert (found.now.sum(), found.then.sum()) == counted
    assert np.isfinite(found.edges).all() and (np.diff(found.edges) > 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_divergence(bad: float) -> None:
    weights = random_weights(PRESETS["cnn"].network)
    assert not diverged(weights)
    weights[3][7] = bad
    assert diverged(weights)


def test_the_step_at_which_a_run_diverged() -> None:
    steps = np.array([10, 11, 12, 13])
    assert first_nan_step([1.0, 2.0, np.nan, 3.0], steps) == 12
    assert first_nan_step(np.array([np.inf, 1, np.nan, 3], np.float32), steps) == 10
    assert first_nan_step([1.0, 2.0, 1e30, 3.0], steps) is None
    assert first_nan_step([], []) is None
