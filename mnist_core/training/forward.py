"""The forward pass as training computes it: in parts of the batch, ReLU after max pooling.

Parts of a batch are computed side by side, each on one thread (`threads`). ReLU and max pooling
both keep the order of values, so that the largest of the rectified values is the largest value,
rectified. Pooling first leaves a quarter of the values to rectify, and of the gradients to pass
back; loss and gradients are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf


def logits_of(model: keras.Model, parts: int = 1) -> Callable[..., Any]:
    """The function from images float32 [n, 28, 28, 1] and `training` to the logits [n, classes].

    `model` is a chain of layers, as `build_model` makes it. The images are computed in so many
    `parts`, of which there are at most n.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    names = [layer.name for layer in layers]
    steps = list(pairwise(layers[: names.index("logits") + 2]))

    def logits(images: Any, training: bool) -> Any:
        values = _split(images, parts)
        waits = False
        for layer, following in steps:
            rectified_later = has_relu(layer) and isinstance(following, keras.layers.MaxPooling2D)
            with _linear(layer, rectified_later):
                values = _computed(layer, values, training)
            if waits:
                values = [keras.ops.relu(part) for part in values]
            waits = rectified_later
        return tf.concat(values, axis=0)

    return logits


def has_relu(layer: Any) -> bool:
    """True when the layer ends with ReLU."""
    return getattr(layer, "activation", None) is keras.activations.relu


def _split(values: Any, parts: int) -> list[Any]:
    """Parts of equal size, give or take one, along the first axis."""
    count = tf.shape(values)[0]
    bounds = [count * part // parts for part in range(parts + 1)]
    return [values[start:end] for start, end in pairwise(bounds)] if parts > 1 else [values]


def _computed(layer: Any, parts: list[Any], training: bool) -> list[Any]:
    """The layer's outputs for the parts of one batch."""
    if training and len(parts) > 1:
        if isinstance(layer, keras.layers.Dropout):  # one mask for the batch
            return _split(layer(tf.concat(parts, axis=0), training=True), len(parts))
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            return _normalized(layer, parts)
    return [layer(part, training=training) for part in parts]


def _normalized(layer: Any, parts: list[Any]) -> list[Any]:
    """Batch normalisation in training, by mean and variance of all parts together, as in Keras."""
    values = [tf.cast(part, tf.float32) for part in parts]
    axes = list(range(values[0].shape.rank - 1))
    count = tf.add_n([tf.size(part) for part in values]) // values[0].shape[-1]

    def mean_of(parts: list[Any]) -> Any:
        sums = [tf.reduce_sum(part, axes) for part in parts]
        return tf.add_n(sums) / tf.cast(count, tf.float32)

    mean = mean_of(values)
    variance = mean_of([tf.math.squared_difference(part, mean) for part in values])
    for moving, found in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + found * (1.0 - layer.momentum))
    outputs = [
        tf.nn.batch_normalization(part, mean, variance, layer.beta, layer.gamma, layer.epsilon)
        for part in values
    ]
    return [tf.cast(output, layer.compute_dtype) for output in outputs]


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
