"""Compiled functions of a network and its weights, each made once and kept with the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from mnist_core.base.tensorflow_compat import set_aside
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import Probe, probe
from mnist_core.inspection.weights import layer_weights

# Networks whose functions are kept; those used last stay.
KEPT = 16


def compiled(
    network: NetworkSpec,
    key: Hashable,
    make: Callable[[Any, Probe], Callable[..., Any]],
    *arguments: tuple[tuple[int | None, ...], str],
) -> Callable[..., Any]:
    """The function `make(tensorflow, probe)` of (weights, *arguments), compiled once per `key`.

    `arguments` are the shapes and dtypes of what comes after the weights.
    """
    functions, lock = _kept(probe(network).network)
    with lock:  # two visitors at once must not compile it twice
        if key not in functions:
            import tensorflow as tf

            weights = [
                tf.TensorSpec(shape, tf.float32)
                for row in layer_weights(network)
                for shape in row.shapes
            ]
            others = [tf.TensorSpec(shape, dtype) for shape, dtype in arguments]
            function = make(tf, probe(network))
            functions[key] = tf.function(
                function, input_signature=[weights, *others]
            ).get_concrete_function()
            set_aside()
        return functions[key]


@lru_cache(maxsize=KEPT)
def _kept(network: NetworkSpec) -> tuple[dict[Hashable, Callable[..., Any]], threading.Lock]:
    return {}, threading.Lock()
