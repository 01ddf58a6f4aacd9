"""Gradients against plain Keras, finite differences, closed forms, and sums over all paths."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_core import PRESETS
from mnist_core.inspection import latex
from mnist_core.inspection.activations import probe
from mnist_core.inspection.arithmetic import explain, sources
from mnist_core.inspection.gradients import (
    _logit,
    backward,
    centres,
    grad_cam,
    gradient_norms_at_start,
    integrated_gradients,
    largest_path,
    last_maps,
    path_product,
    saliency,
    with_activation,
)
from mnist_core.inspection.weights import initial_weights
from mnist_core.model.build import build_model
from tests.support.inside_networks import (
    NETWORKS,
    conv,
    dense,
    network,
    pool,
    random_images,
    random_weights,
)

IMAGE = random_images(1)[0]
LABEL = 4
SMOOTH = network(
    conv(3, 5, stride=2, padding="same", activation="tanh"),
    pool("average", 3, 2, "same"),
    "flatten",
    dense(8, "sigmoid"),
)


def model_of(spec, weights) -> keras.Model:
    model = build_model(spec)
    model.set_weights(weights)
    return model


def outputs_of(spec, weights, image=IMAGE):
    return [values[0] for values in probe(spec).outputs(weights, image[None])]


@pytest.mark.parametrize("name", ["two-layer", "cnn", "fast-99", "every", "ten-sigmoids"])
def test_loss_and_gradients_are_keras_own(name: str) -> None:
    spec = NETWORKS[name]
    weights = random_weights(spec)
    model = model_of(spec, weights)
    image = tf.constant(IMAGE[None, ..., None])
    with tf.GradientTape() as tape:
        tape.watch(image)
        probabilities = model(image, training=False)
        loss = keras.losses.sparse_categorical_crossentropy(tf.constant([LABEL]), probabilities)[0]
    pixels, *expected = tape.gradient(loss, [image, *model.trainable_variables])
    found = backward(spec, weights, IMAGE, LABEL)
    assert found.loss == pytest.approx(float(loss), rel=1e-4)
    scale = float(np.abs(pixels).max())
    np.testing.assert_allclose(
        found.input_gradient, pixels[0, ..., 0], rtol=1e-2, atol=1e-4 * scale
    )
    trained = dict(zip([id(v) for v in model.trainable_variables], expected, strict=True))
    outputs = outputs_of(spec, weights)
    for at, layer in enumerate(probe(spec).layers):
        gradient = found.gradients[at]
        assert gradient.shape == layer.shape
        assert found.norms[at] == pytest.approx(np.sqrt((gradient.astype(float) ** 2).sum()))
        # ∂L/∂bias is the sum of ∂L/∂output over all places; ∂L/∂kernel gathers inputs times that.
        if layer.kind in ("conv", "dense"):
            bias = np.asarray(trained[id(model.weights[layer.weights[1]])])
            places = tuple(range(gradient.ndim - 1))
            atol = 1e-3 * float(np.abs(bias).max()) + 1e-9
            np.testing.assert_allclose(gradient.sum(places), bias, rtol=1e-2, atol=atol)
        if layer.kind == "dense":
            kernel = np.asarray(trained[id(model.weights[layer.weights[0]])])
            atol = 1e-3 * float(np.abs(kernel).max()) + 1e-9
            outer = np.outer(outputs[at - 1], gradient)
            np.testing.assert_allclose(outer, kernel, rtol=1e-2, atol=atol)


def test_gradients_of_the_output_are_closed_forms() -> None:
    weights = random_weights(SMOOTH)
    found = backward(SMOOTH, weights, IMAGE, LABEL)
    p = outputs_of(SMOOTH, weights)[-1]
    y = np.eye(10)[LABEL]
    np.testing.assert_allclose(found.gradients[-2], p - y, atol=1e-6)
    np.testing.assert_allclose(found.gradients[-1], -y / p, rtol=1e-5)
    assert found.loss == pytest.approx(-np.log(p[LABEL]), rel=1e-5)


def test_a_sure_network_still_has_a_gradient() -> None:
    """In float32 p − 1 would be 0 here, and with it the gradient of every layer."""
    spec = network("flatten")
    weights = [np.zeros((784, 10), np.float32), np.zeros(10, np.float32)]
    weights[1][LABEL] = 40
    found = backward(spec, weights, IMAGE, LABEL)
    outputs = outputs_of(spec, weights)
    assert outputs[-1][LABEL] == 1
    others = 9 * np.exp(-40.0)
    assert found.loss == pytest.approx(others, rel=1e-5)
    assert found.gradients[-2][LABEL] == pytest.approx(-others, rel=1e-4)
    assert largest_path(spec, weights, outputs, LABEL, IMAGE)[0].factor == pytest.approx(
        -others, rel=1e-4
    )
    wrong = backward(spec, weights, IMAGE, 0)
    assert wrong.loss == pytest.approx(40, rel=1e-5)
    assert np.isfinite(wrong.gradients[-1]).all()


def test_the_label_must_be_a_digit() -> None:
    for label in (-1, 10):
        with pytest.raises(ValueError, match="is no digit"):
            backward(SMOOTH, random_weights(SMOOTH), IMAGE, label)


def test_visitors_who_come_at_once_get_their_own_gradients() -> None:
    spec = network(conv(2, 7, stride=3), "flatten")  # nobody has compiled this one yet
    sets = [random_weights(spec, seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda weights: backward(spec, weights, IMAGE, LABEL), sets))
    for weights, one in zip(sets, found, strict=True):
        again = backward(spec, weights, IMAGE, LABEL)
        np.testing.assert_array_equal(one.input_gradient, again.input_gradient)
    assert len({one.loss for one in found}) == 6


# --- Which pixels count ---------------------------------------------------------------------------


def test_saliency_is_the_slope_of_the_logit() -> None:
    weights = random_weights(SMOOTH)
    slopes = saliency(SMOOTH, weights, IMAGE, 3)
    step = 0.02
    generator = np.random.default_rng(0)
    for row, column in generator.integers(0, 28, (12, 2)):
        pair = np.stack([IMAGE, IMAGE])
        pair[0, row, column] += step
        pair[1, row, column] -= step
        above, below = probe(SMOOTH).output(weights, pair, "logits")[:, 3]
        assert slopes[row, column] == pytest.approx((above - below) / (2 * step), abs=2e-4)
    assert np.abs(slopes).max() > 0.005


def test_in_a_linear_network_the_attributions_are_weights_times_pixels() -> None:
    spec = network("flatten")
    weights = random_weights(spec)
    column = weights[0][:, 7].reshape(28, 28)
    np.testing.assert_allclose(saliency(spec, weights, IMAGE, 7), column, rtol=1e-5)
    shares, gap = integrated_gradients(spec, weights, IMAGE, 7)
    np.testing.assert_allclose(shares, IMAGE * column, rtol=1e-4, atol=1e-7)
    assert abs(gap) < 1e-4
    white = np.ones((28, 28), np.float32)
    shares, gap = integrated_gradients(spec, weights, IMAGE, 7, baseline=white)
    np.testing.assert_allclose(shares, (IMAGE - 1) * column, rtol=1e-4, atol=1e-7)
    assert abs(gap) < 1e-4


@pytest.mark.parametrize("digit", range(0, 10, 3))
def test_integrated_gradients_are_complete(digit: int) -> None:
    """Their sum is the difference of the logits (the axiom of completeness)."""
    weights = random_weights(SMOOTH)
    weights = [weight * 2 for weight in weights]
    black = np.zeros((28, 28), np.float32)
    here, there = probe(SMOOTH).output(weights, np.stack([IMAGE, black]), "logits")[:, digit]
    shares, gap = integrated_gradients(SMOOTH, weights, IMAGE, digit)
    assert shares.sum() == pytest.approx(here - there, abs=5e-3)
    assert gap == pytest.approx(float(shares.sum(dtype=float)) - float(here - there), abs=1e-4)
    _, coarse = integrated_gradients(SMOOTH, weights, IMAGE, digit, steps=2)
    assert abs(gap) < abs(coarse)


def test_grad_cam_of_a_globally_pooled_network_is_its_class_activation_map() -> None:
    """With global average pooling the slopes are the output's weights over the map's size."""
    spec = network(conv(4, 3, activation="tanh"), "global_average_pool")
    weights = random_weights(spec)
    maps = outputs_of(spec, weights)[1]
    expected = np.maximum(maps @ weights[2][:, 5] / (26 * 26), 0)
    found = grad_cam(spec, weights, IMAGE, 5)
    np.testing.assert_allclose(found[1:27, 1:27], expected, rtol=1e-4, atol=1e-8)
    np.testing.assert_array_equal(found[0], found[1])  # beyond the outermost centres
    assert expected.max() > 0


def test_grad_cam_lies_over_what_the_maps_see() -> None:
    """A single bright square: the map's maximum is there, whatever stride and padding."""
    for layers in (
        (conv(1, 5, stride=3, activation="relu"),),
        (conv(1, 4, stride=2, padding="same", activation="relu"), pool("max", 2)),
        (pool("max", 2), conv(1, 3, activation="relu"), pool("average", 3, 2, "same")),
    ):
        spec = network(*layers, "global_average_pool")
        weights = [np.ones_like(weight) for weight in random_weights(spec)]
        weights[1][:] = 0
        image = np.zeros((28, 28), np.float32)
        image[11:16, 8:13] = 1
        found = grad_cam(spec, weights, image, 0)
        row, column = np.unravel_index(found.argmax(), found.shape)
        assert abs(row - 13) <= 2 and abs(column - 10) <= 2, layers
        rows, columns = found.sum(1), found.sum(0)
        assert np.average(np.arange(28), weights=rows) == pytest.approx(13, abs=0.6)
        assert np.average(np.arange(28), weights=columns) == pytest.approx(10, abs=0.6)


def test_centres_are_those_of_the_windows() -> None:
    spec = network(conv(1, 3), pool("max", 2), conv(1, 4, stride=2, padding="same"), "flatten")
    layers = probe(spec).layers
    np.testing.assert_array_equal(centres(layers[:1], 0), np.arange(1, 27))
    np.testing.assert_array_equal(centres(layers[:3], 0), np.arange(1.5, 27, 2))
    # 13 wide, 4 at stride 2: three lack, one of them before; windows begin at −1, 1, 3, …
    expected = 1.5 + 2 * (np.arange(7) * 2 - 1 + 1.5)
    np.testing.assert_array_equal(centres(layers[:4], 1), expected)


def test_grad_cam_takes_the_last_maps_after_their_activation() -> None:
    names = {name: last_maps(probe(NETWORKS[name].model_copy()).layers) for name in PRESETS}
    assert names["cnn"] == "conv_3:relu"
    assert names["fast-99"] == "conv_4:relu" and names["best"] == "activation_21"
    assert names["two-layer"] is None
    assert (
        grad_cam(PRESETS["two-layer"].network, random_weights(NETWORKS["deep"]), IMAGE, 0) is None
    )
    cnn = PRESETS["cnn"].network
    first = grad_cam(cnn, random_weights(cnn), IMAGE, 0, "conv_1:relu")
    assert first.shape == (28, 28) and first.dtype == np.float32 and first.min() >= 0
    with pytest.raises(ValueError, match="no feature maps"):
        grad_cam(cnn, random_weights(cnn), IMAGE, 0, "logits")


# --- One path, all paths --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two-layer", "cnn", "every", "ten-sigmoids"])
def test_the_largest_path_leads_from_the_loss_to_a_pixel(name: str) -> None:
    spec = NETWORKS[name]
    weights = random_weights(spec)
    outputs = outputs_of(spec, weights)
    steps = largest_path(spec, weights, outputs, LABEL, IMAGE)
    layers = [layer.name for layer in probe(spec).layers]
    assert [step.layer for step in steps] == [*layers[-2::-1], "input"]
    assert steps[0].factor == pytest.approx(outputs[-1][LABEL] - 1, abs=1e-6)
    assert steps[-1].product == pytest.approx(np.prod([step.factor for step in steps]), rel=1e-6)
    for above, below in pairwise(steps):
        found = sources(explain(spec, above.layer, above.unit, outputs, weights, IMAGE))
        taken = next(source for source in found if source.unit == below.unit)
        assert below.factor == taken.local_derivative
        largest = max(abs(source.local_derivative * source.value) for source in found)
        assert abs(taken.local_derivative * taken.value) == largest
        assert below.product == pytest.approx(above.product * below.factor)
        assert below.latex.count("{") == below.latex.count("}")
    assert r"\partial\,L" in steps[0].latex and r"\partial\,x_{" in steps[-1].latex


@pytest.mark.parametrize("name", ["two-layer", "every", "ten-sigmoids", "softmax regression"])
def test_the_factors_of_a_path_are_gathered_by_what_they_are(name: str) -> None:
    spec = NETWORKS[name]
    weights = random_weights(spec)
    steps = largest_path(spec, weights, outputs_of(spec, weights), LABEL, IMAGE)
    text = path_product(spec, steps)
    groups = re.findall(r"underbrace\{\(?(.*?)\)?\}_\{\\text\{(.*?)\}\}", text)
    values = [float(value.replace(r" \times 10^{", "e").rstrip("}")) for value, _ in groups]
    # Four digits each.
    assert np.prod(values) == pytest.approx(steps[-1].product, rel=2e-3)
    counts = {words.split()[-1].rstrip("s"): words.split()[0] for _, words in groups}
    kinds = [layer.kind for layer in probe(spec).layers]
    assert counts["weight"] == str(kinds.count("dense") + kinds.count("conv"))
    assert counts.get("slope", "0") == str(kinds.count("activation"))
    assert ("other" in counts) == (name == "every")  # pooling, batch normalisation
    assert text.endswith(f"= {latex.number(steps[-1].product)}")


def test_a_path_avoids_zeros_where_it_can() -> None:
    spec = network("flatten", dense(2, "relu"))
    weights = [np.ones_like(weight) for weight in random_weights(spec)]
    weights[0][:, 1] = -1  # this neuron is off
    weights[2][1] = 50  # and has by far the largest weights
    image = np.zeros((28, 28), np.float32)
    image[9, 5] = 1
    steps = largest_path(spec, weights, outputs_of(spec, weights, image), 3, image)
    assert steps[1].unit == (0,) and steps[-1].unit == (9, 5, 0) and steps[-1].product != 0
    black = np.zeros((28, 28), np.float32)
    steps = largest_path(spec, weights, outputs_of(spec, weights, black), 3, black)
    assert steps[-1].factor == 1


def test_the_sum_over_all_paths_is_the_gradient() -> None:
    spec = network(
        conv(2, 14, stride=7, activation="sigmoid"),
        "batch_norm",
        pool("max", 2, 1),
        pool("average", 2, 1, "same"),
        "flatten",
        dense(2, "tanh"),
    )
    weights = random_weights(spec)
    outputs = outputs_of(spec, weights)
    layers = probe(spec).layers
    known = lru_cache(lambda at, unit: tuple(
        sources(explain(spec, layers[at].name, unit, outputs, weights, IMAGE))
    ))  # fmt: skip
    sums, paths = np.zeros((28, 28)), 0

    def follow(at: int, unit: tuple[int, ...], product: float) -> None:
        nonlocal paths
        if at < 0:
            sums[unit[:2]] += product
            paths += 1
            return
        for source in known(at, unit):
            if source.local_derivative:
                follow(at - 1, source.unit, product * source.local_derivative)

    for digit in range(10):
        factor = float(outputs[-1][digit]) - (digit == LABEL)
        follow(len(layers) - 2, (digit,), factor)
    assert paths > 20_000
    expected = backward(spec, weights, IMAGE, LABEL).input_gradient
    np.testing.assert_allclose(sums, expected, rtol=1e-3, atol=1e-6)


# --- Vanishing gradients --------------------------------------------------------------------------


def test_sigmoids_make_gradients_vanish_and_relu_with_he_does_not() -> None:
    spec = PRESETS["ten-sigmoids"].network
    images, labels = random_images(4), [3, 1, 4, 1]
    at = [place for place, layer in enumerate(probe(spec).layers) if layer.kind == "dense"]
    bad = gradient_norms_at_start(spec, images, labels, "sigmoid", "glorot_uniform", 0)
    good = gradient_norms_at_start(spec, images, labels, "relu", "he_normal", 0)
    assert len(bad) == len(good) == len(probe(spec).layers)
    assert bad[at[0]] < 1e-4 * bad[at[-1]]
    assert good[at[0]] > 0.05 * good[at[-1]]
    # A vanished gradient is still a number above 0, for a logarithmic axis.
    assert min(bad) > 0


@pytest.mark.parametrize("name", ["deep", "fast-99"])
def test_norms_at_the_start_are_those_of_the_untrained_network(name: str) -> None:
    spec = PRESETS[name].network
    other = with_activation(spec, "elu", "lecun_normal")
    weights = initial_weights(other, 7)
    images = random_images(2)
    single = [backward(other, weights, image, LABEL).norms for image in images]
    found = gradient_norms_at_start(spec, images, [LABEL, LABEL], "elu", "lecun_normal", 7)
    np.testing.assert_allclose(found, np.mean(single, axis=0), rtol=1e-3)
    assert [layer.kind for layer in other.layers] == [layer.kind for layer in spec.layers]
    assert other.output_initializer == "lecun_normal"


def test_linear_layers_stay_linear() -> None:
    spec = network(conv(2, 3, activation="linear"), "batch_norm", "activation", "flatten")
    other = with_activation(spec, "tanh", "he_uniform")
    assert other.layers[0].activation == "linear" and other.layers[2].activation == "tanh"
    assert other.layers[0].initializer == "he_uniform"
    with pytest.raises(ValueError, match="not linear"):
        with_activation(spec, "linear", "he_uniform")


def test_blank_columns_get_no_gradient() -> None:
    spec = network("unit_norm", "flatten", dense(5))
    image = random_images(1)
    image[:, :, 3] = 0
    slopes, _ = _logit(spec, random_weights(spec), image, 2)
    assert np.abs(slopes[0, :, 3]).max() == 0 < np.abs(slopes).max() < 1e3
