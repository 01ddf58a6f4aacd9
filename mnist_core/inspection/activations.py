"""A network that tells what each of its layers computed, for any set of its weights.

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

from mnist_core.base.tensorflow_compat import load_keras, set_aside
from mnist_core.experiment.layer import Shape
from mnist_core.experiment.layers import Activation
from mnist_core.experiment.shapes import INPUT_SHAPE, layer_name
from mnist_core.experiment.spec import NetworkSpec

FloatArray = npt.NDArray[np.float32]
Weights = Sequence[npt.NDArray[Any]]
# The shape and the dtype of an argument.
Argument = tuple[tuple[int | None, ...], str]

# Images that go through the network at once; more would only take memory.
BATCH = 128
# Networks whose compiled functions are kept; those used last stay.
KEPT = 16


class WeightsError(ValueError):
    """The weights do not belong to the network; the message says what was expected."""


@dataclass(frozen=True)
class ProbeLayer:
    """One step of the computation.

    A dense or convolution layer with an activation makes two: its sums ("conv_1") and what the
    activation made of them ("conv_1:relu"). `position` is the layer's index in the network's
    specification, one past the last for the output. `shape` is the output's without the batch
    axis. `weights` says which of the network's weights belong here. `spec` is the layer's value
    in `mnist_core.experiment.layers`; None for the output's sums ("logits") and the softmax
    ("probabilities").
    """

    name: str
    kind: str
    position: int
    shape: Shape
    weights: tuple[int, ...] = ()
    spec: Any = None

    @property
    def passes_through(self) -> bool:
        """True for a step that changes no value outside of training, such as flatten."""
        return bool(self.spec and self.spec.passes_through)

    @property
    def activation(self) -> str | None:
        """The activation's name where this step is one, else None."""
        if self.kind != "activation":
            return None
        return self.name.partition(":")[2] or str(self.spec.activation)


class Probe:
    """The compiled forward passes of one network; made by `probe`."""

    def __init__(self, network: NetworkSpec) -> None:
        load_keras()
        import keras

        from mnist_core.model.build import build_model

        self.network = network
        steps = _steps(network)
        split = network.model_copy(update={"layers": tuple(spec for _, _, spec in steps)})
        model = build_model(split)
        # By name: a convolution may have another Keras layer before it.
        kinds = [spec.kind for _, _, spec in steps]
        keras_names = [layer_name(index, kind) for index, kind in enumerate(kinds)]
        layers = [model.get_layer(name) for name in (*keras_names, "logits", "probabilities")]
        self._model = keras.Model(model.inputs, [layer.output for layer in layers])
        output = len(network.layers)
        names = [*steps, ("logits", output, None), ("probabilities", output, None)]
        places = {id(weight): index for index, weight in enumerate(self._model.weights)}
        self.layers: tuple[ProbeLayer, ...] = tuple(
            ProbeLayer(
                name,
                {"logits": "dense", "probabilities": "softmax"}.get(name) or _kind(name, spec),
                position,
                tuple(layer.output.shape[1:]),
                tuple(places[id(weight)] for weight in layer.weights),
                spec if position == output else network.layers[position],
            )
            for (name, position, spec), layer in zip(names, layers, strict=True)
        )
        self._shapes = [tuple(weight.shape) for weight in self._model.weights]
        self._trainable = [places[id(weight)] for weight in self._model.trainable_variables]
        # Weights that are not trained, and the states of random generators, which are no weights.
        self._fixed = [
            places.get(id(weight), weight.numpy()) for weight in self._model.non_trainable_variables
        ]
        self._functions: dict[Hashable, Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def layer(self, name: str) -> ProbeLayer:
        """The layer with this name. Raises KeyError when there is none."""
        return self.layers[self.index(name)]

    def index(self, name: str) -> int:
        """The place of the layer with this name. Raises KeyError when there is none."""
        for index, layer in enumerate(self.layers):
            if layer.name == name:
                return index
        raise KeyError(name)

    def call(self, weights: Sequence[Any], images: Any) -> list[Any]:
        """Every layer's output as TensorFlow tensors, for use inside a `tf.function`.

        `weights` are tensors or arrays in Keras's order, `images` a float32 tensor
        [n, 28, 28, 1] in [0, 1]. As in prediction: dropout passes everything on.
        """
        if any(layer.kind == "unit_norm" for layer in self.network.layers):
            images = _without_slopes_of_blank_columns(images)
        trainable = [weights[place] for place in self._trainable]
        fixed = [weights[place] if isinstance(place, int) else place for place in self._fixed]
        outputs, _ = self._model.stateless_call(trainable, fixed, images, training=False)
        return list(outputs)

    def outputs(self, weights: Weights, images: FloatArray) -> list[FloatArray]:
        """The outputs of every layer for some images, one array [n, *layer.shape] per layer.

        `images` is float32 [n, 28, 28] or [n, 28, 28, 1] in [0, 1], a few of them: all layers'
        outputs are held at once. Raises WeightsError.
        """
        batch = as_batch(images)
        values = self._function(tuple(range(len(self.layers))))(self.checked(weights), batch)
        return [np.asarray(value) for value in values]

    def output(self, weights: Weights, images: FloatArray, name: str) -> FloatArray:
        """The output of the layer `name` for any number of images, [n, *layer.shape].

        Raises WeightsError, and KeyError when there is no such layer.
        """
        return self.reduced(weights, images, name, lambda values: values)

    def reduced(
        self,
        weights: Weights,
        images: FloatArray,
        name: str,
        reduce: Callable[[FloatArray], FloatArray],
    ) -> FloatArray:
        """As `output`, with `reduce` applied to each batch, so that maps need not all be kept."""
        function = self._function((self.index(name),))
        values, batch = self.checked(weights), as_batch(images)
        parts = [
            reduce(np.asarray(function(values, batch[at : at + BATCH])[0]))
            for at in range(0, len(batch), BATCH)
        ]
        return np.concatenate(parts)

    def probabilities(self, weights: Weights, images: FloatArray) -> FloatArray:
        """The ten probabilities of each image, float32 [n, 10]. Raises WeightsError."""
        return self.output(weights, images, "probabilities")

    def checked(self, weights: Weights) -> list[npt.NDArray[Any]]:
        """The weights as a list of arrays. Raises WeightsError when they fit another network."""
        shapes = [np.shape(weight) for weight in weights]
        if shapes != self._shapes:
            raise WeightsError(
                f"These weights have the shapes {shapes}; this network's have {self._shapes}."
            )
        return [np.asarray(weight, np.float32) for weight in weights]

    def _function(self, wanted: tuple[int, ...]) -> Callable[..., Any]:
        """The compiled pass that gives the layers `wanted`; only what they need is computed."""

        def forward(weights: Any, images: Any) -> Any:
            outputs = self.call(weights, images)
            return [outputs[index] for index in wanted]

        images = ((None, *INPUT_SHAPE), "float32")
        return self.compiled(("outputs", *wanted), lambda _tf: forward, images)

    def compiled(
        self, key: Hashable, make: Callable[[Any], Callable[..., Any]], *arguments: Argument
    ) -> Callable[..., Any]:
        """The function `make(tensorflow)` of (weights, *arguments), compiled once per `key`.

        `arguments` are the shapes and dtypes of what comes after the weights.
        """
        with self._lock:  # two visitors at once must not compile it twice
            if key not in self._functions:
                import tensorflow as tf

                weights = [tf.TensorSpec(shape, tf.float32) for shape in self._shapes]
                others = [tf.TensorSpec(shape, dtype) for shape, dtype in arguments]
                function = tf.function(make(tf), input_signature=[weights, *others])
                self._functions[key] = function.get_concrete_function()
                set_aside()
            return self._functions[key]


def _without_slopes_of_blank_columns(images: Any) -> Any:
    """The same images; columns of zeros, which have no direction, get no gradient.

    Dividing them by their length gives 0, but a slope of 10¹², beside which all others vanish.
    """
    import tensorflow as tf

    blank = tf.reduce_sum(tf.abs(images), axis=1, keepdims=True) == 0
    return tf.where(blank, tf.stop_gradient(images), images)


def probe(network: NetworkSpec) -> Probe:
    """The probe of a network; those used last are kept.

    Networks that compute the same of the same weights have one probe together, so that what has
    been compiled for one of them serves all.
    """
    return _probe(_as_computed(network))


@lru_cache(maxsize=KEPT)
def _probe(network: NetworkSpec) -> Probe:
    return Probe(network)


@lru_cache(maxsize=256)
def _as_computed(network: NetworkSpec) -> NetworkSpec:
    """The network without what matters in training only: initialisers and penalties."""
    same = {"initializer": "glorot_uniform", "l1": 0.0, "l2": 0.0}
    layers = [
        layer.model_copy(
            update={name: value for name, value in same.items() if hasattr(layer, name)}
        )
        for layer in network.layers
    ]
    return network.model_copy(
        update={"layers": tuple(layers), "output_initializer": "glorot_uniform"}
    )


def as_batch(images: npt.ArrayLike) -> FloatArray:
    """Images as float32 [n, 28, 28, 1]. Raises ValueError when they are not 28×28."""
    array = np.asarray(images, np.float32)
    if array.shape[1:] not in (INPUT_SHAPE, INPUT_SHAPE[:2]):
        raise ValueError(f"The images are {list(array.shape)}; expected [n, 28, 28].")
    return np.ascontiguousarray(array.reshape(-1, *INPUT_SHAPE))


def _steps(network: NetworkSpec) -> list[tuple[str, int, Any]]:
    """The layers with their activations split off: (name, position, layer value)."""
    steps: list[tuple[str, int, Any]] = []
    for position, layer in enumerate(network.layers):
        name = layer_name(position, layer.kind)
        activation = getattr(layer, "activation", "linear")
        if layer.kind == "activation" or activation == "linear":
            steps.append((name, position, layer))
        else:
            steps.append((name, position, layer.model_copy(update={"activation": "linear"})))
            split = Activation(activation=activation)
            steps.append((f"{name}:{activation}", position, split))
    return steps


def _kind(name: str, spec: Any) -> str:
    return "activation" if ":" in name else str(spec.kind)
