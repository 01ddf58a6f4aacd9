"""Compiled functions of a network and its weights, run where TensorFlow is.

Weights are arguments, not state: one compiled function serves every checkpoint of every run that
has the same network, in any number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.base.tensorflow_compat import load_keras, set_aside
from mnist_core.data.mnist import ink
from mnist_core.experiment.shapes import layer_name
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.probe_layers import activation_apart

FloatArray = npt.NDArray[np.float32]
# The shape and the dtype of an argument.
Argument = tuple[tuple[int | None, ...], str]
Make = Callable[[Any, "CompiledNetwork"], Callable[..., Any]]

# Images that go through the network at once; more would only take memory.
BATCH = 128
# Images that are sent at once; between two such parts others have their turn.
PART = 1000
# Networks whose compiled functions are kept; those used last stay.
KEPT = 16

_building = threading.Lock()


@dataclass(frozen=True, eq=False)
class Compiled:
    """A function of a network, compiled when it is first called.

    `make(tensorflow, network)` makes the function of the weights and of further `arguments`, whose
    shapes and dtypes are given; it is a module's function, or a `partial` of one. Networks keep
    their functions by `key`, so that each is made once. One that is `slow` takes a second or more.
    """

    network: NetworkSpec
    key: Hashable
    make: Make
    arguments: tuple[Argument, ...]
    slow: bool = False

    def __call__(self, weights: Sequence[npt.NDArray[Any]], *values: Any) -> Any:
        """What the function gives, tensors as arrays. Raises WorkFailed."""
        return self._run(self.slow, _call, weights, *values)

    def in_batches(
        self,
        weights: Sequence[npt.NDArray[Any]],
        images: npt.NDArray[Any],
        reduce: Callable[[FloatArray], FloatArray] | None = None,
    ) -> list[npt.NDArray[Any]]:
        """The arrays that the function of (weights, images) gives for any number of images.

        `images` is [n, 28, 28, 1], float32 in [0, 1] or uint8 in [0, 255]. `reduce`, a module's
        function, is applied to each array of each batch, so that what it takes away need not be
        kept. Raises as a call does.
        """
        slow = len(images) > BATCH
        parts = [
            self._run(slow, _call_in_batches, weights, images[at : at + PART], reduce)
            for at in range(0, len(images), PART)
        ]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _run(self, slow: bool, work: Callable[..., Any], weights: Any, *values: Any) -> Any:
        about = self.network, self.key
        return computing.run(work, self, weights, *values, about=about, slow=slow)


# --- Where TensorFlow is --------------------------------------------------------------------------


class CompiledNetwork:
    """A network's Keras model, with the outputs of all its steps, and functions made of it."""

    def __init__(self, network: NetworkSpec) -> None:
        load_keras()
        import keras

        from mnist_core.model.build import build_model

        self.network = network
        # The same layers with their activations apart, which then have outputs of their own.
        layers = [part for layer in network.layers for part in _parts(layer)]
        model = build_model(network.model_copy(update={"layers": tuple(layers)}))
        # By name: a convolution may have another Keras layer before it.
        names = [layer_name(index, layer.kind) for index, layer in enumerate(layers)]
        outputs = [model.get_layer(name).output for name in (*names, "logits", "probabilities")]
        self._model = keras.Model(model.inputs, outputs)
        places = {id(weight): index for index, weight in enumerate(self._model.weights)}
        self._shapes = [tuple(weight.shape) for weight in self._model.weights]
        self._trainable = [places[id(weight)] for weight in self._model.trainable_variables]
        # Weights that are not trained, and the states of random generators, which are no weights.
        self._fixed = [
            places.get(id(weight), weight.numpy()) for weight in self._model.non_trainable_variables
        ]
        self._functions: dict[Hashable, Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def call(self, weights: Sequence[Any], images: Any) -> list[Any]:
        """Every step's output as TensorFlow tensors, for use inside a `tf.function`.

        `weights` are tensors or arrays in Keras's order, `images` a float32 tensor
        [n, 28, 28, 1] in [0, 1]. As in prediction: dropout passes everything on.
        """
        if any(layer.kind == "unit_norm" for layer in self.network.layers):
            images = _without_slopes_of_blank_columns(images)
        trainable = [weights[place] for place in self._trainable]
        fixed = [weights[place] if isinstance(place, int) else place for place in self._fixed]
        outputs, _ = self._model.stateless_call(trainable, fixed, images, training=False)
        return list(outputs)

    def function(self, wanted: Compiled) -> Callable[..., Any]:
        """The function of (weights, *arguments), compiled once."""
        with self._lock:  # two visitors at once must not compile it twice
            if wanted.key not in self._functions:
                import tensorflow as tf

                weights = [tf.TensorSpec(shape, tf.float32) for shape in self._shapes]
                others = [tf.TensorSpec(shape, dtype) for shape, dtype in wanted.arguments]
                made = tf.function(wanted.make(tf, self), input_signature=[weights, *others])
                self._functions[wanted.key] = made.get_concrete_function()
                set_aside()
            return self._functions[wanted.key]


def compiled_network(network: NetworkSpec) -> CompiledNetwork:
    """The network with its functions; those used last are kept."""
    with _building:  # two visitors at once must not build it twice
        return _compiled_network(network)


_compiled_network = lru_cache(maxsize=KEPT)(CompiledNetwork)


def _call(wanted: Compiled, weights: Sequence[npt.NDArray[Any]], *values: Any) -> Any:
    import tensorflow as tf

    result = compiled_network(wanted.network).function(wanted)(list(weights), *values)
    return tf.nest.map_structure(np.asarray, result)


def _call_in_batches(
    wanted: Compiled,
    weights: Sequence[npt.NDArray[Any]],
    images: npt.NDArray[Any],
    reduce: Callable[[FloatArray], FloatArray] | None,
) -> list[npt.NDArray[Any]]:
    import tensorflow as tf

    function = compiled_network(wanted.network).function(wanted)
    values = [tf.constant(weight) for weight in weights]
    parts = []
    for at in range(0, len(images), BATCH):
        batch = images[at : at + BATCH]
        batch = ink(batch) if batch.dtype == np.uint8 else batch
        arrays = [np.asarray(array) for array in function(values, batch)]
        parts.append(arrays if reduce is None else [reduce(array) for array in arrays])
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _parts(layer: Any) -> list[Any]:
    activation = activation_apart(layer)
    if activation is None:
        return [layer]
    return [layer.model_copy(update={"activation": "linear"}), activation]


def _without_slopes_of_blank_columns(images: Any) -> Any:
    """The same images; columns of zeros, which have no direction, get no gradient.

    Dividing them by their length gives 0, but a slope of 10¹², beside which all others vanish.
    """
    import tensorflow as tf

    blank = tf.reduce_sum(tf.abs(images), axis=1, keepdims=True) == 0
    return tf.where(blank, tf.stop_gradient(images), images)
