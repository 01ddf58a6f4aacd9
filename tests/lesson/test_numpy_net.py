"""The lesson's small network against TensorFlow's autodiff and Keras's own layers."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from mnist_core.experiment.activations import ACTIVATIONS, ActivationName
from mnist_core.lesson import numpy_net
from mnist_core.lesson.numpy_net import INITIALIZERS, Layer

GENERATOR = np.random.default_rng(0)
Z = np.concatenate([np.linspace(-6, 6, 97) + 0.01, [-700.0, -40.0, 40.0, 700.0]])


def network(activation="tanh", sizes=(5, 7, 6, 4)):
    generator = np.random.default_rng(1)
    layers = numpy_net.random_network(sizes, activation, "glorot_uniform", generator)
    layers = [Layer(one.weights, generator.normal(size=one.bias.shape), activation)
              for one in layers]  # fmt: skip
    return [*layers[:-1], Layer(layers[-1].weights, layers[-1].bias)]


def test_every_activation_of_the_app_is_there():
    assert set(ACTIVATIONS) == set(get_args(ActivationName))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_derivatives_are_those_of_keras(name):
    import keras

    z = tf.Variable(Z)
    with tf.GradientTape() as tape:
        value = keras.activations.get(name)(z)
    np.testing.assert_allclose(ACTIVATIONS[name].value(Z), value, rtol=1e-6, atol=1e-7)
    slope = tape.gradient(value, z)
    np.testing.assert_allclose(ACTIVATIONS[name].derivative(Z), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "gelu"])
def test_forward_loss_and_every_gradient_are_those_of_autodiff(activation):
    import keras

    layers = network(activation)
    x, labels = GENERATOR.normal(size=(8, 5)), GENERATOR.integers(0, 4, 8)
    variables = [tf.Variable(part) for one in layers for part in (one.weights, one.bias)]
    inputs, sums = tf.constant(x), []
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        out = inputs
        for place, one in enumerate(layers):
            sums.append(out @ variables[2 * place] + variables[2 * place + 1])
            out = keras.activations.get(one.activation)(sums[-1])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=out)
        loss = tf.reduce_mean(losses)
    expected = tape.gradient(loss, [*variables, inputs, *sums])

    passed = numpy_net.forward(layers, x)
    found = numpy_net.backward(layers, passed, labels)
    np.testing.assert_allclose(passed.outputs[-1], out, rtol=1e-6)
    np.testing.assert_allclose(numpy_net.cross_entropy(passed.logits, labels), loss, rtol=1e-9)
    np.testing.assert_allclose(numpy_net.softmax(passed.logits), tf.nn.softmax(out), rtol=1e-6)
    for place, gradient in enumerate(found):
        np.testing.assert_allclose(gradient.weights, expected[2 * place], rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(gradient.bias, expected[2 * place + 1], rtol=1e-5, atol=1e-9)
        by_sums = expected[len(variables) + 1 + place]
        np.testing.assert_allclose(gradient.delta, by_sums, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found[0].inputs, expected[len(variables)], rtol=1e-5, atol=1e-9)


def test_softmax_and_loss_stand_huge_logits():
    logits = np.array([[1000.0, 0.0, -1000.0]])
    np.testing.assert_array_equal(numpy_net.softmax(logits), [[1.0, 0.0, 0.0]])
    assert numpy_net.cross_entropy(logits, np.array([2])) == 2000.0


def test_a_step_against_the_gradient_lowers_the_loss():
    layers, x, labels = network(), GENERATOR.normal(size=(8, 5)), GENERATOR.integers(0, 4, 8)
    passed = numpy_net.forward(layers, x)
    after = numpy_net.step(layers, numpy_net.backward(layers, passed, labels), 0.1)
    before = numpy_net.cross_entropy(passed.logits, labels)
    assert numpy_net.cross_entropy(numpy_net.forward(after, x).logits, labels) < before


def test_a_stack_of_linear_layers_is_one_layer_and_a_bent_one_is_not():
    x = GENERATOR.normal(size=(20, 5))
    linear = network("linear")
    one = numpy_net.collapse(linear)
    assert one.weights.shape == (5, 4) and one.parameters == 24
    stacked = numpy_net.forward(linear, x).outputs[-1]
    np.testing.assert_allclose(numpy_net.forward([one], x).outputs[-1], stacked, rtol=1e-10)
    bent = numpy_net.forward(network("relu"), x).outputs[-1]
    assert np.abs(numpy_net.forward([one], x).outputs[-1] - bent).max() > 0.1


@pytest.mark.parametrize("name", INITIALIZERS)
def test_first_weights_spread_as_those_of_keras(name):
    import keras

    weights = numpy_net.initial_weights(name, 300, 200, np.random.default_rng(0))
    known = {
        "zeros": keras.initializers.Zeros(),
        "random_normal": keras.initializers.RandomNormal(seed=0),
        "large": keras.initializers.RandomNormal(stddev=numpy_net.LARGE, seed=0),
        "glorot_uniform": keras.initializers.GlorotUniform(seed=0),
        "he_normal": keras.initializers.HeNormal(seed=0),
    }
    expected = known[name]((300, 200)).numpy()
    assert weights.shape == (300, 200)
    assert weights.std() == pytest.approx(float(expected.std()), rel=0.03)
    if name == "glorot_uniform":
        assert np.abs(weights).max() == pytest.approx(float(np.abs(expected).max()), rel=0.01)


@pytest.mark.parametrize("make", [numpy_net.line_surface, numpy_net.pair_surface])
def test_surfaces_have_the_gradient_that_autodiff_finds(make):
    surface = make()
    rows = np.array([3, 9, 20])
    for theta in ([0.7, -1.2], [-2.0, 0.4]):
        both = tf.Variable(theta, dtype=tf.float64)
        with tf.GradientTape() as tape:
            if make is numpy_net.line_surface:
                guess = both[0] * surface.x[rows] + both[1]
            else:
                guess = both[1] * tf.tanh(both[0] * surface.x[rows])
            loss = tf.reduce_mean((guess - surface.y[rows]) ** 2)
        expected = tape.gradient(loss, both)
        np.testing.assert_allclose(surface.gradient(np.array(theta), rows), expected, rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_ways_down_are_those_of_keras(optimizer):
    import keras

    surface, start, rate = numpy_net.line_surface(), (-1.0, 2.0), 0.05
    path = numpy_net.descend(surface, start, rate, 12, len(surface.x), optimizer)
    known = {
        "sgd": keras.optimizers.SGD(rate),
        "momentum": keras.optimizers.SGD(rate, momentum=numpy_net.MOMENTUM),
        "adam": keras.optimizers.Adam(rate),
    }[optimizer]
    theta = keras.Variable(np.array(start), dtype="float64")
    for found in path[1:]:
        gradient = surface.gradient(theta.numpy())
        known.apply([tf.constant(gradient)], [theta])
        np.testing.assert_allclose(found, theta.numpy(), rtol=1e-4)


def test_an_epoch_meets_each_example_once_and_a_lost_way_ends():
    surface = numpy_net.line_surface()
    path = numpy_net.descend(surface, (0.0, 0.0), 0.01, 3, 16)
    assert len(path) == 1 + 3 * len(surface.x) // 16
    lost = numpy_net.descend(surface, (0.0, 1.0), 5.0, 400, 64)
    assert len(lost) < 401 and np.isfinite(lost).all()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_convolution_is_that_of_tensorflow(stride, padding, window):
    image, kernel = GENERATOR.normal(size=(28, 27)), GENERATOR.normal(size=(window, window))
    found = numpy_net.convolve(image, kernel, stride, padding)
    expected = tf.nn.conv2d(
        image[None, ..., None], kernel[..., None, None], stride, padding.upper()
    )
    np.testing.assert_allclose(found, expected[0, ..., 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(("window", "stride"), [(2, None), (3, 2), (4, None)])
def test_pooling_is_that_of_tensorflow(kind, window, stride):
    image = GENERATOR.normal(size=(27, 28))
    pooling = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}[kind]
    expected = pooling(image[None, ..., None], window, stride or window, "VALID")
    found = numpy_net.pool(image, window, stride, kind)
    np.testing.assert_allclose(found, expected[0, ..., 0], rtol=1e-6)
