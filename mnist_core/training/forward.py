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
                if training and _sees_the_batch(layer):
                    values = _split(layer(tf.concat(values, axis=0), training=True), parts)
                else:
                    values = [layer(part, training=training) for part in values]
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


def _sees_the_batch(layer: Any) -> bool:
    """True when an image's result in training depends on the batch that it comes in.

    Dropout has one mask for a batch; frozen batch normalisation does without the batch's mean.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return bool(layer.trainable)
    return isinstance(layer, keras.layers.Dropout)


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
