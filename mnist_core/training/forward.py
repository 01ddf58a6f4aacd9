"""The forward pass as training computes it, with ReLU after max pooling instead of before it.

Both keep the order of values, so that the largest of the rectified values is the largest value,
rectified. Pooling first leaves a quarter of the values to rectify, and of the gradients to pass
back; loss and gradients are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import keras


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
                values = layer(values, training=training)
            if waits:
                values = keras.ops.relu(values)
            waits = rectified_later
        return values

    return logits


def has_relu(layer: Any) -> bool:
    """True when the layer ends with ReLU."""
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
