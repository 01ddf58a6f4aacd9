"""Specification → Keras: shapes and parameters as foretold, every layer and setting buildable."""

from typing import get_args

import numpy as np
import pytest

from mnist_core import PRESETS
from mnist_core.experiment.activations import ActivationName
from mnist_core.experiment.initializers import InitializerName
from mnist_core.experiment.spec import Experiment, NetworkSpec, parse_network
from mnist_core.model.build import build_model
from tests.support.every_layer import EVERY_LAYER

NETWORKS = {name: preset.network for name, preset in PRESETS.items()} | {"every": EVERY_LAYER}


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_and_parameters_are_keras_own(name: str) -> None:
    network = NETWORKS[name]
    model = build_model(network)
    rows = network.shapes()
    assert network.parameters == model.count_params()
    for row in rows[1:-1]:
        layer = model.get_layer(row.name)
        assert tuple(layer.output.shape[1:]) == row.output_shape
        assert layer.count_params() == row.parameters
    assert model.get_layer("logits").count_params() == rows[-1].parameters


def test_output_is_a_distribution_over_ten_digits() -> None:
    model = build_model(EVERY_LAYER)
    probabilities = np.asarray(model(np.random.default_rng(0).random((5, 28, 28, 1), np.float32)))
    assert probabilities.shape == (5, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("activation", get_args(ActivationName))
@pytest.mark.parametrize("initializer", get_args(InitializerName))
def test_every_activation_and_initialiser_builds(activation: str, initializer: str) -> None:
    layer = {"kind": "dense", "units": 6, "activation": activation, "initializer": initializer}
    network = parse_network(
        {"layers": [{"kind": "flatten"}, layer, layer], "output_initializer": initializer}
    )
    weights = build_model(network, seed=3).get_weights()
    if initializer in ("zeros", "ones"):
        assert set(np.unique(weights[0])) == {float(initializer == "ones")}
    else:
        assert weights[0].std() > 0


def test_one_seed_one_start_and_equal_layers_differ() -> None:
    layer = {"kind": "dense", "units": 10}
    network = parse_network({"layers": [{"kind": "flatten"}, layer, layer, layer]})
    first, again, other = (build_model(network, seed=s).get_weights() for s in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[2], other[2])
    assert not np.array_equal(first[2], first[4])


def test_penalties_reach_the_model() -> None:
    model = build_model(EVERY_LAYER)
    kernel = model.get_layer("conv_9").kernel
    expected = 0.1 * np.abs(kernel).sum() + 0.2 * np.square(kernel).sum()
    assert float(sum(model.losses)) == pytest.approx(float(expected), rel=1e-5)


def test_bfloat16_keeps_weights_and_output_in_float32() -> None:
    model = build_model(PRESETS["cnn"].network, precision="bfloat16")
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    assert model.get_layer("conv_1").compute_dtype == "bfloat16"
    assert np.asarray(model(np.zeros((1, 28, 28, 1), np.float32))).dtype == np.float32


def test_freezing_a_layer_changes_no_order_of_weights() -> None:
    layers = [
        layer.model_copy(update={"frozen": True}) if hasattr(layer, "frozen") else layer
        for layer in EVERY_LAYER.layers
    ]
    frozen = build_model(EVERY_LAYER.model_copy(update={"layers": tuple(layers)}), seed=1)
    for one, two in zip(frozen.get_weights(), build_model(EVERY_LAYER, 1).get_weights(),
                        strict=True):  # fmt: skip
        np.testing.assert_array_equal(one, two)
    assert len(frozen.trainable_variables) == 2, "The output layer's alone"


def test_softmax_regression_is_the_smallest_network() -> None:
    spec = Experiment(network=NetworkSpec.model_validate({"layers": [{"kind": "flatten"}]}))
    assert build_model(spec.network).count_params() == 7850
