"""Tests that no window, stride or padding ends a process, and what kernel 1 computes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mnist_core.base.sandbox import ProcessCrashed, ProcessLimits, call, folder_with
from mnist_core.experiment.layers import Conv, Flatten
from mnist_core.experiment.spec import Experiment, NetworkSpec, TrainingSpec
from mnist_core.inspection.activations import probe
from mnist_core.inspection.gradients import backward
from mnist_core.model.build import build_model
from mnist_core.model.keras_script import keras_script
from tests.support.every_window import SIZES

LIMITS = ProcessLimits(seconds=150)  # it takes six; pytest would end it after 180


def test_no_window_stride_or_padding_crashes() -> None:
    with folder_with({"kinds": ["conv", "max_pool", "average_pool"]}) as folder:
        try:
            found = call("tests.support.every_window", folder, limits=LIMITS)
        except ProcessCrashed:
            pytest.fail(f"it crashed at or before {(folder / 'last').read_text()}")
    assert found == {"counts": 3 * [len(SIZES) ** 2 * 2], "wrong": 3 * [[]]}


def network(stride: int, padding: str, filters: int = 3) -> NetworkSpec:
    first = Conv(filters=2, kernel_size=3, padding="same", activation="tanh")
    pixels = Conv(
        filters=filters, kernel_size=1, stride=stride, padding=padding, activation="linear"
    )
    return NetworkSpec(layers=(first, pixels, Flatten()))


@pytest.mark.parametrize(("stride", "padding"), [(2, "valid"), (3, "same"), (28, "valid")])
def test_kernel_one_with_a_stride_computes_the_same_numbers(stride: int, padding: str) -> None:
    spec = network(stride, padding)
    model = build_model(spec, seed=1)
    names = [weight.path for weight in model.weights]
    assert names[2:4] == ["conv_2/kernel", "conv_2/bias"]
    weights = [np.asarray(weight) for weight in model.get_weights()]
    image = np.random.default_rng(0).random((28, 28), np.float32)
    found = probe(spec)
    before, values = found.outputs(weights, image[None])[1:3]
    assert found.layers[2].name == "conv_2" and found.layers[2].shape == values.shape[1:]
    wanted = before[:, ::stride, ::stride] @ weights[2][0, 0] + weights[3]
    np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)


def test_the_script_builds_the_same_network() -> None:
    experiment = Experiment(network=network(2, "valid"), training=TrainingSpec(seed=3))
    script = keras_script(experiment)
    building = script[script.index("model = keras.Sequential") : script.index("model.summary()")]
    names = {"keras": keras}
    exec(building, names)
    ours, theirs = build_model(experiment.network, seed=3), names["model"]
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    np.testing.assert_allclose(ours(images), theirs(images), rtol=1e-5, atol=1e-6)


def test_its_gradient_is_that_of_the_pixels_it_meets() -> None:
    spec = network(2, "valid")
    weights = [np.asarray(weight) for weight in build_model(spec, seed=1).get_weights()]
    image = np.random.default_rng(0).random((28, 28), np.float32)
    found = backward(spec, weights, image, 3)
    by_values, by_pixels = found.gradients[2], found.gradients[1]
    wanted = np.zeros_like(by_pixels)
    wanted[::2, ::2] = by_values @ weights[2][0, 0].T
    np.testing.assert_allclose(by_pixels, wanted, rtol=1e-4, atol=1e-7)
