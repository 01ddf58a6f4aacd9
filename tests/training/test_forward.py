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


@pytest.mark.parametrize(("precision", "near"), [("float32", 1e-3), ("bfloat16", 0.15)])
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=list(NETWORKS))
def test_parts_of_a_batch_compute_what_the_whole_does(layers, precision, near):
    images = tf.constant(np.random.default_rng(0).random((7, 28, 28, 1), np.float32))

    def found(parts):
        model = build_model(NetworkSpec(layers=layers), 3, precision)  # the same dropout masks
        with tf.GradientTape() as tape:
            logits = logits_of(model, parts)(images, training=True)
            loss = tf.reduce_sum(logits**2)
        state = [variable.numpy() for variable in model.variables]
        return [logits, *tape.gradient(loss, model.trainable_variables), *state]

    for one, other in zip(found(1), found(3), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6 + near * np.max(np.abs(one)))
