"""A network's weights by layer: kernels and biases, their spread, and whether they diverged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base import computing
from mnist_core.experiment.layer import Layer, Shape
from mnist_core.experiment.layers import Dense
from mnist_core.experiment.spec import NetworkSpec

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A dense or convolution layer's weights and where they stand in the list of all weights.

    `kernel` is [inputs, units] or [height, width, channels, filters]; `bias` [units].
    """

    layer: str
    kernel: Floats
    bias: Floats | None
    kernel_index: int
    bias_index: int | None


@dataclass(frozen=True, eq=False)
class Histogram:
    """The number of weights in each bin, `now` and `then`, int64 [bins]; `edges` [bins + 1]."""

    edges: npt.NDArray[np.float64]
    now: npt.NDArray[np.int64]
    then: npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights among the network's: `indices` into Keras's list, names, shapes.

    `name` is the layer's in a probe ("logits" for the output), `kind` as in its specification
    and "output"; `position` is its index among the layers, one past the last for the output.
    """

    name: str
    kind: str
    position: int
    indices: tuple[int, ...]
    parts: tuple[str, ...]
    shapes: tuple[Shape, ...]
    has_kernel: bool

    @property
    def units(self) -> int:
        """The number of neurons, filters or normalised channels of the layer."""
        return self.shapes[-1][0]


def layer_weights(network: NetworkSpec) -> tuple[LayerWeights, ...]:
    """The layers that have weights, from input to output."""
    found, count = [], 0
    layers: tuple[Layer, ...] = (*network.layers, Dense(units=network.classes))
    for position, (layer, (before, row)) in enumerate(
        zip(layers, pairwise(network.shapes()), strict=True)
    ):
        shapes = layer.weight_shapes(before.output_shape)
        if not shapes:
            continue
        name = "logits" if row.kind == "output" else row.name
        indices = tuple(range(count, count + len(shapes)))
        found.append(
            LayerWeights(
                name, row.kind, position, indices, (*shapes,), (*shapes.values(),), layer.has_kernel
            )
        )
        count += len(shapes)
    return tuple(found)


def kernels(network: NetworkSpec, weights: Sequence[npt.NDArray[Any]]) -> tuple[Kernel, ...]:
    """The kernels and biases of all dense and convolution layers, the output's included."""
    return tuple(
        Kernel(row.name, weights[kernel], weights[bias], kernel, bias)
        for row in layer_weights(network)
        if row.has_kernel
        for kernel, bias in [row.indices]
    )


def initial_weights(network: NetworkSpec, seed: int) -> list[Floats]:
    """The weights before the first step of training with this seed, in Keras's order."""
    found: list[Floats] = computing.run(
        _initial_weights, network, seed, about=("initial weights", network)
    )
    return found


def _initial_weights(network: NetworkSpec, seed: int) -> list[Floats]:
    from mnist_core.model.build import build_model

    return [np.asarray(weight) for weight in build_model(network, seed).get_weights()]


def histogram(now: npt.NDArray[Any], then: npt.NDArray[Any], bins: int) -> Histogram:
    """Both in common bins from the smallest to the largest value; NaN and infinity are left out."""
    kept = [values[np.isfinite(values)].astype(np.float64) for values in (now, then)]
    together = np.concatenate(kept) if kept[0].size + kept[1].size else np.zeros(1)
    edges = np.histogram_bin_edges(together, bins)
    counts = [np.histogram(values, edges)[0].astype(np.int64) for values in kept]
    return Histogram(edges, counts[0], counts[1])


def diverged(weights: Sequence[npt.NDArray[Any]]) -> bool:
    """True when any weight is not a number or infinite."""
    return not all(np.isfinite(weight).all() for weight in weights)


def first_nan_step(losses: npt.ArrayLike, steps: npt.ArrayLike) -> int | None:
    """The first of `steps` at which the loss was not a finite number; None when there is none."""
    bad = np.flatnonzero(~np.isfinite(np.asarray(losses, np.float64)))
    return int(np.asarray(steps)[bad[0]]) if len(bad) else None
