"""A network changed by hand: new weights from old ones, in plain NumPy.

An edit is a small frozen value; `apply` makes a new list of weights and never touches the old
one. Whatever the order given, units are switched off after all else has been done, so that
noise cannot bring them back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.layer import describe_shape
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.weights import LayerWeights, layer_weights

Weights = list[npt.NDArray[np.float32]]


class EditError(ValueError):
    """An edit does not fit the network; the message says what would."""


@dataclass(frozen=True)
class SetWeight:
    """One weight gets a value; `weight` says which array of the list, `index` where in it."""

    weight: int
    index: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class SwitchOff:
    """A feature map or a neuron no longer counts, as though its output were always 0.

    `layer` is a dense or convolution layer, by the name of its sums ("conv_1"). What is set to
    zero are the weights with which the next layer takes the unit up: its own weights would not
    do, since sigmoid(0) is ½ and batch normalisation adds a shift to what it gets.
    """

    layer: str
    unit: int


@dataclass(frozen=True)
class Prune:
    """The `share` of all kernels' weights that are nearest to zero become zero; no biases."""

    share: float


@dataclass(frozen=True)
class Noise:
    """Normal noise on every kernel; `std` is its spread as a share of the kernel's own."""

    std: float
    seed: int


@dataclass(frozen=True)
class Temperature:
    """The logits are divided by `t` before the softmax: above 1 less sure, below 1 surer."""

    t: float


Edit = SetWeight | SwitchOff | Prune | Noise | Temperature
Edits = tuple[Edit, ...]


def apply(network: NetworkSpec, weights: Sequence[npt.NDArray[Any]], edits: Edits) -> Weights:
    """The weights after all edits, as new float32 arrays. Raises EditError."""
    changed = [np.array(weight, np.float32) for weight in weights]
    expected = [shape for row in layer_weights(network) for shape in row.shapes]
    if [weight.shape for weight in changed] != expected:
        raise EditError("These weights belong to another network.")
    for edit in sorted(edits, key=lambda edit: isinstance(edit, SwitchOff)):  # a stable order
        _check(network, edit)
        if isinstance(edit, SetWeight):
            changed[edit.weight][edit.index] = edit.value
        elif isinstance(edit, SwitchOff):
            _switch_off(network, edit, changed)
        elif isinstance(edit, Prune):
            _prune(_kernels(network, changed), edit.share)
        elif isinstance(edit, Noise):
            generator = np.random.default_rng(edit.seed)
            for kernel in _kernels(network, changed):
                noise = generator.standard_normal(kernel.shape, np.float32)
                kernel += np.float32(edit.std) * kernel.std() * noise
        else:
            for index in layer_weights(network)[-1].indices:
                changed[index] /= np.float32(edit.t)
    return changed


def describe(edit: Edit, network: NetworkSpec) -> str:
    """One sentence on what an edit does. Raises EditError."""
    _check(network, edit)
    if isinstance(edit, SetWeight):
        row = _owner(network, edit.weight)
        part = row.indices.index(edit.weight)
        place = _place(row.kind, part, edit.index)
        value = f"{edit.value:.4g}".replace("-", "−")
        return f"{row.name}: the {row.parts[part]} of {place} is {value}."
    if isinstance(edit, SwitchOff):
        what = "feature map" if _row(network, edit.layer).kind == "conv" else "neuron"
        return f"{edit.layer}: {what} {edit.unit} is switched off."
    if isinstance(edit, Prune):
        return f"The {edit.share:.0%} of all weights nearest to zero are zero."
    if isinstance(edit, Noise):
        return f"Every layer's weights carry noise of {edit.std:.0%} of their spread."
    return f"The logits are divided by {edit.t:g} before the softmax."


def _kernels(network: NetworkSpec, weights: Weights) -> Weights:
    return [weights[row.indices[0]] for row in layer_weights(network) if row.has_kernel]


def _prune(kernels: Weights, share: float) -> None:
    sizes = np.concatenate([np.abs(kernel).ravel() for kernel in kernels])
    gone = np.zeros(sizes.size, bool)
    # Stable, so that of equal weights the first go and the same ones each time.
    gone[np.argsort(sizes, kind="stable")[: round(share * sizes.size)]] = True
    at = 0
    for kernel in kernels:
        kernel[gone[at : at + kernel.size].reshape(kernel.shape)] = 0
        at += kernel.size


def _switch_off(network: NetworkSpec, edit: SwitchOff, weights: Weights) -> None:
    rows = [row for row in layer_weights(network) if row.has_kernel]
    place = next(at for at, row in enumerate(rows) if row.name == edit.layer)
    taker = weights[rows[place + 1].indices[0]]
    if taker.ndim == 4:
        taker[:, :, edit.unit] = 0
        return
    # A flattened image lists all channels of one pixel, then those of the next.
    taker[edit.unit :: rows[place].units] = 0


def _check(network: NetworkSpec, edit: Edit) -> None:
    if isinstance(edit, SetWeight):
        row = _owner(network, edit.weight)
        part = row.indices.index(edit.weight)
        _check_place(edit.index, row.shapes[part])
        if not math.isfinite(edit.value):
            raise EditError(f"A weight must be a finite number, not {edit.value}.")
        if row.kind == "batch_norm" and part == 3 and edit.value < 0:
            raise EditError(f"A variance is never negative, so {edit.value:g} cannot be one.")
    elif isinstance(edit, SwitchOff):
        units = _row(network, edit.layer).units
        if not 0 <= edit.unit < units:
            raise EditError(
                f"{edit.layer} has {units} units, counted from 0; there is no {edit.unit}."
            )
    elif isinstance(edit, Prune):
        if not 0 <= edit.share <= 1:
            raise EditError(f"The share to prune is between 0 and 1, not {edit.share:g}.")
    elif isinstance(edit, Noise):
        if not 0 <= edit.std < math.inf:
            raise EditError(f"The noise is a finite share of at least 0, not {edit.std:g}.")
    elif not 0 < edit.t < math.inf:
        raise EditError(f"A temperature is finite and above 0, not {edit.t:g}.")


def _check_place(index: tuple[int, ...], shape: tuple[int, ...]) -> None:
    fits = len(index) == len(shape) and all(
        0 <= at < size for at, size in zip(index, shape, strict=True)
    )
    if not fits:
        raise EditError(
            f"There is no weight {tuple(index)} in an array of {describe_shape(shape)}."
        )


def _owner(network: NetworkSpec, weight: int) -> LayerWeights:
    rows = layer_weights(network)
    for row in rows:
        if weight in row.indices:
            return row
    last = rows[-1].indices[-1]
    raise EditError(f"There is no array {weight}; the network's weights are 0 to {last}.")


def _row(network: NetworkSpec, name: str) -> LayerWeights:
    rows = [row for row in layer_weights(network) if row.has_kernel and row.kind != "output"]
    for row in rows:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in rows) or "none"
    raise EditError(
        f"No units of “{name}” can be switched off; hidden dense and convolution layers: {known}."
    )


def _place(kind: str, part: int, index: tuple[int, ...]) -> str:
    """A place in an array, in words: "filter 5, input channel 0, row 2, column 1"."""
    if kind == "conv" and part == 0:
        row, column, channel, unit = index
        return f"filter {unit}, input channel {channel}, row {row}, column {column}"
    if kind == "batch_norm":
        return f"channel {index[0]}"
    unit_name = "filter" if kind == "conv" else "neuron"
    if part == 0:
        return f"{unit_name} {index[1]}, input {index[0]}"
    return f"{unit_name} {index[0]}"
