"""The forward pass as training computes it: what the layers do, in less time.

ReLU comes after max pooling instead of before it. Both keep the order of values, so that the
largest of the rectified values is the largest value, rectified. That leaves a quarter of the values
to rectify, and of the gradients to pass back; loss and gradients are the same to the last bit.

Dropout draws 16 random bits for each value where Keras draws 32, which takes an eighth of a step of
the preset `cnn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf


def logits_of(model: keras.Model) -> Callable[..., Any]:
    """The function from images float32 [n, 28, 28, 1] and `training` to the logits [n, classes].

    `model` is a chain of layers, as `build_model` makes it.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    names = [layer.name for layer in layers]
    steps = list(pairwise(layers[: names.index("logits") + 2]))

    def logits(values: Any, training: bool) -> Any:
        waits = False
        for layer, following in steps:
            rectified_later = has_relu(layer) and isinstance(following, keras.layers.MaxPooling2D)
            with _linear(layer, rectified_later):
                if training and isinstance(layer, keras.layers.Dropout) and layer.rate:
                    values = dropped(layer, values)
                else:
                    values = layer(values, training=training)
            if waits:
                values = keras.ops.relu(values)
            waits = rectified_later
        return values

    return logits


def dropped(layer: keras.layers.Dropout, values: Any) -> Any:
    """The values that a dropout layer leaves in training, scaled up; the others are 0.

    Its rate, above 0, is kept to 1/65,536.
    """
    count = tf.size(values)
    seed = tf.cast(layer.seed_generator.next(), tf.int32)
    bits = tf.random.stateless_uniform([(count + 1) // 2], seed, None, None, tf.uint32)
    drawn = tf.reshape(tf.reshape(tf.bitcast(bits, tf.uint16), [-1])[:count], tf.shape(values))
    bound = tf.constant(round(layer.rate * 65536), tf.uint16)
    scale = tf.constant(1 / (1 - layer.rate), values.dtype)
    return tf.where(drawn < bound, tf.zeros_like(values), values * scale)


def has_relu(layer: Any) -> bool:
    """Whether the layer ends with ReLU."""
    return getattr(layer, "activation", None) is keras.activations.relu


@contextmanager
def _linear(layer: Any, wanted: bool) -> Iterator[None]:
    """Leave out the layer's activation meanwhile."""
    if not wanted:
        yield
        return
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation
