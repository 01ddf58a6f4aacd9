"""A network that tells what each of its layers computed, for any set of its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.data.mnist import ink
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.compiled import Argument, Compiled, CompiledNetwork, Make
from mnist_core.inspection.probe_layers import ProbeLayer, probe_layers
from mnist_core.inspection.weights import layer_weights

FloatArray = npt.NDArray[np.float32]
# [n, 28, 28] or [n, 28, 28, 1]: float32 in [0, 1], or uint8 in [0, 255].
Images = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
Weights = Sequence[npt.NDArray[Any]]
# Images as the argument of a compiled function.
IMAGES: Argument = ((None, *INPUT_SHAPE), "float32")


class WeightsError(ValueError):
    """The weights do not belong to the network; the message says what was expected."""


class Probe:
    """The steps of a network's computation, and what they give; made by `probe`.

    Whatever computes also raises WorkFailed, where TensorFlow is in another process.
    """

    def __init__(self, network: NetworkSpec) -> None:
        self.network = network
        self.layers: tuple[ProbeLayer, ...] = probe_layers(network)
        self._shapes = [shape for row in layer_weights(network) for shape in row.shapes]

    def layer(self, name: str) -> ProbeLayer:
        """The layer with this name. Raises KeyError when there is none."""
        return self.layers[self.index(name)]

    def index(self, name: str) -> int:
        """The place of the layer with this name. Raises KeyError when there is none."""
        for index, layer in enumerate(self.layers):
            if layer.name == name:
                return index
        raise KeyError(name)

    def outputs(self, weights: Weights, images: FloatArray) -> list[FloatArray]:
        """The outputs of every layer for some images, one array [n, *layer.shape] per layer.

        `images` is float32 [n, 28, 28] or [n, 28, 28, 1] in [0, 1], a few of them: all layers'
        outputs are held at once. Raises WeightsError.
        """
        function = self._forward(tuple(range(len(self.layers))))
        found: list[FloatArray] = function(self.checked(weights), as_batch(images))
        return found

    def output(self, weights: Weights, images: Images, name: str) -> FloatArray:
        """The output of the layer `name` for any number of images, [n, *layer.shape].

        Images of a data set may stay uint8, in [0, 255], and take a fourth of the memory. Raises
        WeightsError, and KeyError when there is no such layer.
        """
        return self.reduced(weights, images, name)

    def reduced(
        self,
        weights: Weights,
        images: Images,
        name: str,
        reduce: Callable[[FloatArray], FloatArray] | None = None,
    ) -> FloatArray:
        """As `output`, with `reduce` applied to each batch, so that maps need not all be kept.

        `reduce` is a module's function, which can be pickled.
        """
        function = self._forward((self.index(name),))
        return function.in_batches(self.checked(weights), with_channel(images), reduce)[0]

    def probabilities(self, weights: Weights, images: Images) -> FloatArray:
        """The probabilities of each image, float32 [n, classes]. As `output`."""
        return self.output(weights, images, "probabilities")

    def checked(self, weights: Weights) -> list[npt.NDArray[Any]]:
        """The weights as a list of arrays. Raises WeightsError when they fit another network."""
        shapes = [np.shape(weight) for weight in weights]
        if shapes != self._shapes:
            raise WeightsError(
                f"These weights have the shapes {shapes}; this network's have {self._shapes}."
            )
        return [np.asarray(weight, np.float32) for weight in weights]

    def compiled(self, key: Any, make: Make, *arguments: Argument, slow: bool = False) -> Compiled:
        """A function of this network; what the arguments are is said by `Compiled`."""
        return Compiled(self.network, key, make, arguments, slow)

    def _forward(self, wanted: tuple[int, ...]) -> Compiled:
        """The pass that gives the layers `wanted`; only what they need is computed."""
        return self.compiled(("outputs", *wanted), partial(_make_forward, wanted), IMAGES)


def _make_forward(
    wanted: tuple[int, ...], _tf: Any, network: CompiledNetwork
) -> Callable[..., Any]:
    def forward(weights: Any, images: Any) -> Any:
        outputs = network.call(weights, images)
        return [outputs[index] for index in wanted]

    return forward


def probe(network: NetworkSpec) -> Probe:
    """The probe of a network; those used last are kept.

    Networks that compute the same of the same weights have one probe together, so that what has
    been compiled for one of them serves all.
    """
    return _probe(_as_computed(network))


@lru_cache(maxsize=256)
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
    """Images as float32 [n, 28, 28, 1] in [0, 1]. Raises ValueError when they are not 28×28."""
    found = with_channel(images)
    return ink(found) if found.dtype == np.uint8 else found


def with_channel(images: npt.ArrayLike) -> npt.NDArray[Any]:
    """Images [n, 28, 28, 1], uint8 where they are, else float32. Raises as `as_batch`."""
    array = np.asarray(images)
    array = array if array.dtype == np.uint8 else array.astype(np.float32, copy=False)
    if array.shape[1:] not in (INPUT_SHAPE, INPUT_SHAPE[:2]):
        raise ValueError(f"The images are {list(array.shape)}; expected [n, 28, 28].")
    return np.ascontiguousarray(array.reshape(-1, *INPUT_SHAPE))
