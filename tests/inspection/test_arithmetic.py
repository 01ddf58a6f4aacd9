"""One value by hand: equal to Keras for every kind of layer; slopes and sight by autodiff."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d
from scipy.stats import norm

from mnist_core import PRESETS
from mnist_core.experiment.activations import ActivationName
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection import latex
from mnist_core.inspection.activations import probe
from mnist_core.inspection.arithmetic import (
    EPSILON,
    UnitError,
    explain,
    receptive_field,
    sources,
    window,
)
from mnist_core.inspection.compiled import compiled_network
from tests.support.inside_networks import (
    ACTIVATIONS,
    NETWORKS,
    ODD,
    conv,
    dense,
    network,
    pool,
    random_images,
    random_weights,
)

IMAGE = random_images(1)[0]


@lru_cache
def computed(name: str):
    """The network, random weights and Keras's outputs for IMAGE."""
    spec = NETWORKS[name]
    weights = random_weights(spec)
    return spec, weights, [values[0] for values in probe(spec).outputs(weights, IMAGE[None])]


def some_units(shape: tuple[int, ...], count: int = 8) -> list[tuple[int, ...]]:
    """The first and the last value of a layer, and some at random."""
    size = int(np.prod(shape))
    flat = {0, size - 1, *np.random.default_rng(size).integers(0, size, count).tolist()}
    return [tuple(int(at) for at in np.unravel_index(one, shape)) for one in flat]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_value_is_keras_own(name: str) -> None:
    spec, weights, outputs = computed(name)
    for layer, values in zip(probe(spec).layers, outputs, strict=True):
        for unit in some_units(layer.shape):
            found = explain(spec, layer.name, unit, outputs, weights, IMAGE)
            assert found.value == pytest.approx(values[unit], rel=1e-5, abs=1e-5), (layer, unit)
            assert found.layer is layer and found.unit == unit
            if found.products is not None:
                np.testing.assert_allclose(found.products, found.inputs * found.weights, rtol=1e-6)
                assert found.products.sum() + found.bias == pytest.approx(found.value, abs=1e-4)


@pytest.mark.parametrize("name", ODD | ACTIVATIONS | {"every": None, "cnn": None})
def test_local_derivatives_are_those_of_automatic_differentiation(name: str) -> None:
    spec, weights, outputs = computed(name)
    found = probe(spec)
    image = tf.constant(IMAGE[None, ..., None])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        tensors = [image, *compiled_network(spec).call(weights, image)]
        chosen = [
            (place, unit, tensors[place + 1][(0, *unit)])
            for place, layer in enumerate(found.layers)
            for unit in some_units(layer.shape, 1)
        ]
    for place, unit, value in chosen:
        name_of = found.layers[place].name
        expected = np.asarray(tf.convert_to_tensor(tape.gradient(value, tensors[place])))[0]
        received = np.asarray(tensors[place])[0]
        by_hand = np.zeros_like(expected)
        for source in sources(explain(spec, name_of, unit, outputs, weights, IMAGE)):
            by_hand[source.unit] += source.local_derivative
            assert source.value == pytest.approx(received[source.unit], abs=1e-6)
        np.testing.assert_allclose(by_hand, expected, rtol=2e-4, atol=2e-6, err_msg=name_of)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_a_convolution_is_scipys(size: int, padding: str) -> None:
    spec = network(conv(1, size, padding=padding, activation="linear"), "flatten")
    weights = random_weights(spec)
    outputs = [values[0] for values in probe(spec).outputs(weights, IMAGE[None])]
    # Of an even "same" kernel's odd padding, TensorFlow puts one more after the image.
    before, after = ((size - 1) // 2, size // 2) if padding == "same" else (0, 0)
    padded = np.pad(IMAGE, (before, after))
    expected = correlate2d(padded, weights[0][:, :, 0, 0], "valid") + weights[1]
    for unit in some_units((*expected.shape, 1)):
        found = explain(spec, "conv_1", unit, outputs, weights, IMAGE)
        assert found.value == pytest.approx(expected[unit[:2]], rel=1e-5, abs=1e-5)
        assert found.origin == (unit[0] - before, unit[1] - before)


def test_padding_counts_as_zero_in_sums_and_not_at_all_in_means() -> None:
    spec = network(
        pool("average", 3, 1, "same"), conv(1, 3, padding="same", activation="linear"), "flatten"
    )
    weights = random_weights(spec)
    outputs = [values[0] for values in probe(spec).outputs(weights, IMAGE[None])]
    mean = explain(spec, "average_pool_1", (0, 0, 0), outputs, weights, IMAGE)
    assert mean.value == pytest.approx(IMAGE[:2, :2].mean(), rel=1e-6)
    assert mean.origin == (-1, -1)
    np.testing.assert_array_equal(
        mean.inside, [[False] * 3, [False, True, True], [False, True, True]]
    )
    assert {source.local_derivative for source in sources(mean)} == {0.25}
    total = explain(spec, "conv_2", (27, 27, 0), outputs, weights, IMAGE)
    assert not total.inputs[2].any() and not total.inputs[:, 2].any()
    assert len(sources(total)) == 4


def test_of_equal_values_the_first_is_the_largest() -> None:
    spec = network(pool("max", 2), "flatten")
    weights, image = random_weights(spec), np.ones((28, 28), np.float32)
    outputs = [values[0] for values in probe(spec).outputs(weights, image[None])]
    found = sources(explain(spec, "max_pool_1", (3, 4, 0), outputs, weights, image))
    assert [source.unit for source in found if source.local_derivative] == [(6, 8, 0)]
    with tf.GradientTape() as tape:
        tensor = tf.constant(image[None, ..., None])
        tape.watch(tensor)
        value = compiled_network(spec).call(weights, tensor)[0][0, 3, 4, 0]
    slopes = np.asarray(tape.gradient(value, tensor))[0, ..., 0]
    assert np.argwhere(slopes).tolist() == [[6, 8]]  # as TensorFlow has it


def test_batch_normalisation_adds_what_keras_adds() -> None:
    assert keras.layers.BatchNormalization().epsilon == EPSILON


def test_what_is_not_there_is_said() -> None:
    spec, weights, outputs = computed("cnn")
    for unit in [(26, 0, 0), (0, 0, 32), (-1, 0, 0), (5,), ()]:
        with pytest.raises(UnitError, match="its output is 26×26×32"):
            explain(spec, "conv_1", unit, outputs, weights, IMAGE)
    with pytest.raises(UnitError, match="the layers are conv_1"):
        explain(spec, "conv_9", (0,), outputs, weights, IMAGE)
    with pytest.raises(ValueError, match="counted from 0 by index"):
        receptive_field(spec, "logits", (10,))


# --- Receptive fields ----------------------------------------------------------------------------

GEOMETRIES: dict[str, list[Any]] = {
    "cnn": [conv(2, 3), "P2", conv(2, 3), "P2", "flatten", dense(3)],
    "strides": [conv(2, 5, stride=2, padding="same"), conv(2, 3, stride=2), "flatten"],
    "same": [conv(1, 4, padding="same"), "S", conv(2, 2, stride=3, padding="same"), "flatten"],
    "gaps": ["G", conv(1, 2), "flatten", dense(2), dense(2)],
    "global": [conv(2, 7, stride=3), "batch_norm", "dropout", "global_average_pool", "flatten"],
}


def geometry(name: str, pooling: str) -> NetworkSpec:
    pools = {
        "P2": pool(pooling, 2),
        "S": pool(pooling, 3, 2, "same"),
        "G": pool(pooling, 2, 5),
    }
    layers = [
        pools.get(layer, layer) if isinstance(layer, str) else {**layer, "activation": "linear"}
        for layer in GEOMETRIES[name]
    ]
    return network(*layers)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_receptive_field_is_where_pixels_have_a_slope(name: str) -> None:
    spec = geometry(name, "average")
    # Only positive weights, so that no two paths cancel.
    weights = [np.abs(weight) + 0.1 for weight in random_weights(spec)]
    found = probe(spec)
    image = tf.constant(IMAGE[None, ..., None])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        outputs = compiled_network(spec).call(weights, image)
        values = [
            (layer.name, unit, output[(0, *unit)])
            for layer, output in zip(found.layers, outputs, strict=True)
            if layer.kind != "softmax"
            for unit in some_units(layer.shape, 2)
        ]
    for layer, unit, value in values:
        slopes = np.asarray(tape.gradient(value, image))[0, ..., 0]
        rows, columns = np.flatnonzero(slopes.any(1)), np.flatnonzero(slopes.any(0))
        expected = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
        assert receptive_field(spec, layer, unit) == expected, (layer, unit)
        largest = layer.replace("average", "max") if layer.startswith("average") else layer
        assert receptive_field(geometry(name, "max"), largest, unit) == expected


def test_windows_that_do_not_fit_leave_the_last_pixels_unseen() -> None:
    spec, weights, _ = computed("cnn")
    assert receptive_field(spec, "logits", (3,)) == (0, 0, 26, 26)
    hidden = IMAGE.copy()
    hidden[26:], hidden[:, 26:] = 0, 0
    before, after = probe(spec).output(weights, np.stack([IMAGE, hidden]), "logits")
    np.testing.assert_array_equal(before, after)
    assert receptive_field(PRESETS["two-layer"].network, "dense_2:relu", (0,)) == (0, 0, 28, 28)


def test_only_layers_that_slide_have_a_window() -> None:
    layers = probe(PRESETS["cnn"].network).layers
    assert [window(layer, INPUT_SHAPE) is not None for layer in layers[:4]] == [
        True, False, True, True,
    ]  # fmt: skip


# --- Formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (3.0, "3"), (-0.25, "-0.25"), (0.123456, "0.1235"),
        (1.2e-7, r"1.2 \times 10^{-7}"), (-3.5e12, r"-3.5 \times 10^{12}"),
        (float("inf"), r"\infty"), (float("-inf"), r"-\infty"),
        (float("nan"), r"\text{not a number}"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert latex.number(value) == text


def test_formulas_name_the_largest_terms() -> None:
    inputs, weights = np.array([1, -2, 0.5, 3, 0]), np.array([-4, 5, 0.1, 1, 9])
    assert latex.weighted_sum(inputs * weights, inputs, weights, -1.0, -12.0) == (
        r"\begin{aligned} z &= \sum_{i=1}^{5} x_i w_i + b"
        r" \\ &= -2 \cdot 5 + 1 \cdot (-4) + 3 \cdot 1"
        r" \\ &\quad + \cdots + (-1) \\ &= -12 \end{aligned}"
    )
    assert latex.largest(np.array([1.0, 3, 2]), 3) == r"\max(1,\ 3,\ 2) = 3"
    assert latex.largest(np.arange(6.0), 5) == r"\max(5,\ 4,\ 3,\ \dots) = 5"
    assert latex.mean(np.array([1.0, -3]), -1).endswith(r"\frac{1 + (-3)}{2} = -1")
    assert latex.mean(np.arange(6.0), 2.5).endswith(r"\frac{15}{6} = 2.5")
    assert latex.activation("relu", -2, 0) == r"\max(0,\ z) = \max(0,\ -2) = 0"
    assert latex.activation("elu", 2, 2) == "z = 2"


@pytest.mark.parametrize("name", ["cnn", "best", "every", *ACTIVATIONS, "gaps between windows"])
def test_formulas_end_in_the_value_and_close_their_brackets(name: str) -> None:
    spec, weights, outputs = computed(name)
    for layer in probe(spec).layers:
        for unit in some_units(layer.shape, 1):
            found = explain(spec, layer.name, unit, outputs, weights, IMAGE)
            last = found.formula.removesuffix(r" \end{aligned}")
            assert last.endswith(f"= {latex.number(found.value)}")
            assert found.formula.count("{") == found.formula.count("}")
            assert found.formula.count(r"\begin") == found.formula.count(r"\end")


@pytest.mark.parametrize("kind", get_args(ActivationName))
@pytest.mark.parametrize("z", [-1.5, 2.0])
def test_an_activations_formula_gives_its_value(kind: str, z: float) -> None:
    written = latex.activation(kind, z, z).split(" = ")[1]
    python = re.sub(r"\\frac\{(.*?)\}\{(.*)\}", r"(\1)/(\2)", written)
    for notation, plain in [
        (r"\max(0,\ ", "max(0, "), (r"\tanh", "tanh"), (r"\cdot ", "*"), (r"\Phi", "Phi"),
        ("e^{", "exp("), ("}", ")"),
    ]:  # fmt: skip
        python = python.replace(notation, plain)
    names = {"exp": np.exp, "tanh": np.tanh, "max": max, "Phi": norm.cdf}
    expected = float(keras.activations.get(kind)(np.array([z], np.float32))[0])
    assert eval(python, names) == pytest.approx(expected, abs=1e-5)
