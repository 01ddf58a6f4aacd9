"""The shape and the number of parameters of each layer, worked out without building anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_core.experiment.layer import Layer, Shape, ShapeMismatch, describe_shape
from mnist_core.experiment.layers import layer_title
from mnist_core.experiment.validation import ExperimentError, Problem

INPUT_SHAPE = (28, 28, 1)
CLASSES = 10  # MNIST's digits
# What a data set of one's own may have.
MIN_CLASSES, MAX_CLASSES = 2, 50

MAX_LAYERS = 40
MAX_PARAMETERS = 5_000_000
# Multiplications for one image, forward: about 20 times the `cnn` preset.
MAX_MULTIPLICATIONS = 100_000_000
# Values of all layers' outputs for one image; what a batch needs in memory grows with it.
MAX_ACTIVATIONS = 2_000_000


@dataclass(frozen=True)
class LayerShape:
    """One row of the summary: `output_shape` has no batch axis, (height, width, channels) or (n,).

    `kind` is a layer's kind, or "input" or "output"; `multiplications` are for one image. `trained`
    of the `parameters` are learned: not those of a frozen layer, nor the statistics of batch
    normalisation.
    """

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    multiplications: int = 0
    activation: str | None = None
    trained: int = 0


def layer_shapes(layers: Sequence[Layer], classes: int = CLASSES) -> tuple[LayerShape, ...]:
    """Rows for the input, each hidden layer and the output layer of `classes` units.

    Raises ExperimentError when the layers cannot be stacked, with the first such mistake;
    everything after it would only be a consequence.
    """
    rows = [LayerShape("input", "input", INPUT_SHAPE, 0)]
    if len(layers) > MAX_LAYERS:
        raise _error(f"{len(layers)} layers exceed the {MAX_LAYERS} allowed; remove some.")
    for index, layer in enumerate(layers):
        rows.append(_row(index, layer, rows[-1].output_shape))
    last = rows[-1].output_shape
    if len(last) != 1:
        before = "The last hidden layer" if layers else "Without hidden layers, the input"
        raise _error(
            f"{before} gives a {describe_shape(last)} image, but the output layer "
            "needs a row of numbers. Add a flatten or global average pooling layer at the end.",
            missing_layer="flatten",
        )
    weights = last[0] * classes
    output = weights + classes
    rows.append(LayerShape("output", "output", (classes,), output, weights, "softmax", output))
    _check_size(rows)
    return tuple(rows)


def total_parameters(rows: Sequence[LayerShape]) -> int:
    """All parameters of a network, those that are not trained included."""
    return sum(row.parameters for row in rows)


def trained_parameters(rows: Sequence[LayerShape]) -> int:
    """The parameters of a network that training changes by gradient descent."""
    return sum(row.trained for row in rows)


def layer_name(index: int, kind: str) -> str:
    """The Keras name of the hidden layer at `index` (from 0).

    >>> layer_name(0, "conv")
    'conv_1'
    """
    return f"{kind}_{index + 1}"


def _row(index: int, layer: Layer, before: Shape) -> LayerShape:
    title = layer_title(index, layer.kind)
    if layer.first_only and index:
        raise _error(
            f"{title} prepares images, so it can only be the first layer. Move it to the top, or "
            "remove it.",
            index,
        )
    try:
        shape = layer.output_shape(before)
    except ShapeMismatch as error:
        raise _error(f"{title}{error}", index, error.field, error.missing_layer) from None
    weights = {name: math.prod(size) for name, size in layer.weight_shapes(before).items()}
    learned = sum(size for name, size in weights.items() if name not in layer.statistics)
    return LayerShape(
        layer_name(index, layer.kind),
        layer.kind,
        shape,
        sum(weights.values()),
        layer.multiplications(before),
        getattr(layer, "activation", None),
        0 if getattr(layer, "frozen", False) else learned,
    )


def _check_size(rows: Sequence[LayerShape]) -> None:
    checks = (
        ("parameters", MAX_PARAMETERS, "parameters", "fewer units or filters"),
        ("multiplications", MAX_MULTIPLICATIONS, "multiplications per image", "a larger stride"),
    )
    for attribute, limit, noun, remedy in checks:
        total = sum(getattr(row, attribute) for row in rows)
        if total > limit:
            worst = max(range(len(rows)), key=lambda i: getattr(rows[i], attribute))
            _raise_too_large(rows, worst, f"{total:,} {noun}", limit, remedy)
    total = sum(math.prod(row.output_shape) for row in rows)
    if total > MAX_ACTIVATIONS:
        worst = max(range(len(rows)), key=lambda i: math.prod(rows[i].output_shape))
        what = f"{total:,} output values per image"
        _raise_too_large(rows, worst, what, MAX_ACTIVATIONS, "fewer filters")


def _raise_too_large(
    rows: Sequence[LayerShape], worst: int, what: str, limit: int, remedy: str
) -> None:
    output = worst == len(rows) - 1
    title = "the output layer" if output else layer_title(worst - 1, rows[worst].kind).lower()
    if output and worst > 1:
        remedy = "more pooling before the flatten layer"
    elif rows[worst].kind == "dense":
        remedy = "fewer units, or more pooling before it"
    raise _error(
        f"The network has {what}; at most {limit:,} are allowed. Most are in {title}: "
        f"use {remedy}.",
        None if output else worst - 1,
    )


def _error(
    message: str,
    layer: int | None = None,
    field: str | None = None,
    missing_layer: str | None = None,
) -> ExperimentError:
    return ExperimentError([Problem(message, layer, field, missing_layer)])
