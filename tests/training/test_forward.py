"""The forward pass of training computes what the model does, in parts or as a whole."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_core.experiment.layers import BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.model.build import build_model
from mnist_core.training.forward import logits_of

NETWORKS = {
    "ReLU before pooling": (Conv(filters=4), MaxPool(), Flatten(), Dense(units=8)),
    "pooled twice": (Conv(filters=4), MaxPool(), MaxPool(), Conv(filters=3), MaxPool(), Flatten()),
    "another activation": (Conv(filters=4, activation="tanh"), MaxPool(), Flatten()),
    "nothing between": (Conv(filters=4), BatchNorm(), MaxPool(), Flatten(), Dropout(rate=0.3)),
    "dense alone": (Flatten(), Dense(units=8)),
}


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_logits_and_gradients_are_those_of_the_model(layers):
    model = build_model(NetworkSpec(layers=layers), seed=3)
    images = tf.constant(np.random.default_rng(0).random((6, 28, 28, 1), np.float32))

    def found(forward):
        with tf.GradientTape() as tape:
            logits = forward(images)
            loss = tf.reduce_sum(logits**2)
        return [logits, *tape.gradient(loss, model.trainable_variables)]

    whole = keras.Model(model.input, model.get_layer("logits").output)
    forward = logits_of(model)
    wanted = found(lambda images: whole(images, training=False))
    got = found(lambda images: forward(images, training=False))
    for one, other in zip(wanted, got, strict=True):
        np.testing.assert_array_equal(one, other)
    after = found(lambda images: whole(images, training=False))  # its layers are as before
    np.testing.assert_array_equal(after[0], wanted[0])


def found_in_training(layers, parts, precision="float32"):
    """Logits, gradients and variables after a forward and a backward pass."""
    images = tf.constant(np.random.default_rng(0).random((7, 28, 28, 1), np.float32))
    model = build_model(NetworkSpec(layers=layers), 3, precision)  # its dropout masks are the same
    with tf.GradientTape() as tape:
        logits = logits_of(model, parts)(images, training=True)
        loss = tf.reduce_sum(logits**2)
    gradients = tape.gradient(loss, model.trainable_variables)
    return [logits], gradients, [variable.numpy() for variable in model.variables]


def assert_near(some, others, share):
    """Values differ by at most this share of the largest."""
    for one, other in zip(some, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6 + share * np.max(np.abs(one)))


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_parts_of_a_batch_compute_what_the_whole_does(layers):
    for whole, parts in zip(
        found_in_training(layers, 1), found_in_training(layers, 3), strict=True
    ):
        assert_near(whole, parts, 1e-3)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_parts_of_a_batch_compute_the_same_in_bfloat16(layers):
    whole, gradients, state = found_in_training(layers, 1, "bfloat16")
    in_parts, of_parts, state_after_parts = found_in_training(layers, 3, "bfloat16")
    assert_near(whole, in_parts, 2e-2)
    assert_near(state, state_after_parts, 2e-2)
    # A bias's gradient sums thousands of values, each rounded to 8 bits: how far it is off depends
    # on the order. Taken together, the gradients point the same way.
    one, other = (
        np.concatenate([np.ravel(each) for each in found]) for found in (gradients, of_parts)
    )
    assert np.vdot(one, other) > 0.99 * np.linalg.norm(one) * np.linalg.norm(other)
    assert np.linalg.norm(other) == pytest.approx(np.linalg.norm(one), rel=0.05)
