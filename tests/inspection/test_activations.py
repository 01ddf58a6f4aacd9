"""The probe: every layer's output as Keras computes it, for any weights, in any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from mnist_core import PRESETS
from mnist_core.inspection.activations import WeightsError, as_batch, probe
from mnist_core.inspection.compiled import BATCH
from mnist_core.model.build import build_model
from tests.support.inside_networks import (
    NETWORKS,
    conv,
    dense,
    network,
    random_images,
    random_weights,
)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_layer_gives_what_keras_gives(name: str) -> None:
    spec = NETWORKS[name]
    weights, images = random_weights(spec), random_images(2)
    model = build_model(spec)
    model.set_weights(weights)
    named = [layer.name for layer in model.layers[1:]]
    whole = keras.Model(model.inputs[0], [model.get_layer(layer).output for layer in named])
    expected = dict(zip(named, whole(images[..., None]), strict=True))
    found = probe(spec)
    outputs = found.outputs(weights, images)
    # The last of a layer's steps is the layer's output; its activation may be a step of its own.
    last = {
        layer.name.partition(":")[0]: value
        for layer, value in zip(found.layers, outputs, strict=True)
    }
    assert list(last) == named
    for layer in named:
        np.testing.assert_allclose(last[layer], expected[layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_step_knows_its_shape_and_weights(name: str) -> None:
    spec = NETWORKS[name]
    found = probe(spec)
    outputs = found.outputs(random_weights(spec), random_images(1))
    assert [layer.shape for layer in found.layers] == [value.shape[1:] for value in outputs]
    places = [place for layer in found.layers for place in layer.weights]
    expected = [tuple(weight.shape) for weight in build_model(spec).weights]
    assert places == list(range(len(expected)))
    found.checked([np.zeros(shape) for shape in expected])
    positions = [layer.position for layer in found.layers]
    assert positions == sorted(positions) and set(positions) == set(range(len(spec.layers) + 1))


def test_a_sum_and_its_activation_are_two_steps() -> None:
    names = [layer.name for layer in probe(PRESETS["cnn"].network).layers]
    assert names == [
        "conv_1", "conv_1:relu", "max_pool_2", "conv_3", "conv_3:relu", "max_pool_4", "flatten_5",
        "dropout_6", "logits", "probabilities",
    ]  # fmt: skip
    spec = network(
        {"kind": "conv", "filters": 2, "activation": "linear"},
        {"kind": "activation", "activation": "elu"},
        "flatten",
    )
    steps = probe(spec).layers
    assert [(step.kind, step.activation) for step in steps[:3]] == [
        ("conv", None), ("activation", "elu"), ("flatten", None),
    ]  # fmt: skip
    assert steps[0].spec == spec.layers[0] and steps[-1].spec is None


def test_many_images_go_through_in_batches() -> None:
    spec = PRESETS["two-layer"].network
    weights, images = random_weights(spec), random_images(BATCH + 3)
    whole = probe(spec).output(weights, images, "dense_2:relu")
    hidden = np.maximum(images.reshape(len(images), -1) @ weights[0] + weights[1], 0)
    np.testing.assert_allclose(whole, hidden, rtol=1e-4, atol=1e-4)
    peaks = probe(spec).reduced(weights, images, "dense_2:relu", lambda batch: batch.max(axis=1))
    np.testing.assert_array_equal(peaks, whole.max(axis=1))
    chances = probe(spec).probabilities(weights, images)
    greys = np.rint(255 * images).astype(np.uint8)
    np.testing.assert_allclose(
        probe(spec).probabilities(weights, greys),
        probe(spec).probabilities(weights, greys / np.float32(255)),
        rtol=1e-6,
    )
    powers = np.exp(hidden @ weights[2] + weights[3])
    np.testing.assert_allclose(chances, powers / powers.sum(1, keepdims=True), rtol=1e-3)


def test_weights_are_arguments() -> None:
    spec = PRESETS["two-layer"].network
    one, other = random_weights(spec, 1), random_weights(spec, 2)
    images = random_images(3)
    first = probe(spec).probabilities(one, images)
    assert not np.allclose(first, probe(spec).probabilities(other, images))
    np.testing.assert_array_equal(first, probe(spec).probabilities(one, images))
    assert probe(spec) is probe(spec.model_copy())


def test_threads_do_not_mix_their_weights() -> None:
    spec = network({"kind": "conv", "filters": 3}, "global_average_pool")
    images = random_images(4)
    sets = [random_weights(spec, seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda weights: probe(spec).probabilities(weights, images), sets))
    for weights, chances in zip(sets, found, strict=True):
        np.testing.assert_array_equal(chances, probe(spec).probabilities(weights, images))


def test_what_does_not_fit_is_said() -> None:
    found = probe(PRESETS["two-layer"].network)
    with pytest.raises(WeightsError, match="have the shapes"):
        found.outputs(random_weights(PRESETS["cnn"].network), random_images(1))
    with pytest.raises(KeyError):
        found.layer("conv_1")
    with pytest.raises(ValueError, match="expected"):
        as_batch(np.zeros((28, 28), np.float32))


def test_networks_that_compute_the_same_share_what_is_compiled() -> None:
    one = network(conv(2, 3), "flatten", dense(4, "relu"))
    start = [layer.model_copy(update={"initializer": "he_normal"}) if hasattr(layer, "initializer")
             else layer for layer in one.layers]  # fmt: skip
    same = one.model_copy(update={"layers": tuple(start), "output_initializer": "zeros"})
    other = network(conv(2, 3), "flatten", dense(4, "tanh"))
    assert probe(one) is probe(same) and probe(one) is not probe(other)
