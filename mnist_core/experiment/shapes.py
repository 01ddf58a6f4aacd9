"""The shape and the number of parameters of each layer, worked out without building anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mnist_core.experiment.layers import AveragePool, Conv, Dense, MaxPool, layer_title
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

Shape = tuple[int, ...]


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


def layer_shapes(layers: Sequence[Any], classes: int = CLASSES) -> tuple[LayerShape, ...]:
    """Rows for the input, each hidden layer and the output layer of `classes` units.

    Raises ExperimentError when the layers cannot be stacked, with the first such mistake;
    everything after it would only be a consequence.
    """
    rows = [LayerShape("input", "input", INPUT_SHAPE, 0)]
    if len(layers) > MAX_LAYERS:
        raise _error(f"{len(layers)} layers are more than the {MAX_LAYERS} allowed; remove some.")
    for index, layer in enumerate(layers):
        rows.append(_row(index, layer, rows[-1].output_shape))
    last = rows[-1].output_shape
    if len(last) != 1:
        before = "The last hidden layer" if layers else "Without hidden layers the input"
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


def describe_shape(shape: Shape) -> str:
    """(28, 28, 1) → "28×28×1"."""
    return "×".join(str(size) for size in shape)


def layer_name(index: int, kind: str) -> str:
    """The Keras name of the hidden layer at `index` (from 0): "conv_1"."""
    return f"{kind}_{index + 1}"


def _row(index: int, layer: Any, before: Shape) -> LayerShape:
    title = layer_title(index, layer.kind)
    shape, parameters, multiplications = before, 0, 0
    if layer.kind == "unit_norm" and index:
        raise _error(
            f"{title} prepares images, so that it can only be the first layer. Move it to the top, "
            "or remove it.",
            index,
        )
    if layer.kind in ("conv", "max_pool", "average_pool", "global_average_pool"):
        _need_image(title, before, index)
    if isinstance(layer, Dense):
        _need_row(title, before, index)
        shape, multiplications = (layer.units,), before[0] * layer.units
        parameters = multiplications + layer.units
    elif isinstance(layer, Conv):
        sizes = _slide(index, title, before, layer.kernel_size, layer.stride, layer.padding)
        shape = (*sizes, layer.filters)
        kernel = layer.kernel_size**2 * before[2] * layer.filters
        parameters, multiplications = kernel + layer.filters, kernel * math.prod(sizes)
    elif isinstance(layer, MaxPool | AveragePool):
        stride = layer.stride or layer.pool_size
        sizes = _slide(index, title, before, layer.pool_size, stride, layer.padding)
        shape = (*sizes, before[2])
    elif layer.kind == "flatten":
        shape = (math.prod(before),)
    elif layer.kind == "global_average_pool":
        shape = (before[2],)
    elif layer.kind == "batch_norm":
        parameters = 4 * before[-1]
    activation = getattr(layer, "activation", None)
    name = layer_name(index, layer.kind)
    trained = 0 if getattr(layer, "frozen", False) else parameters
    if layer.kind == "batch_norm":
        trained //= 2  # its mean and variance are counted, not learned
    return LayerShape(name, layer.kind, shape, parameters, multiplications, activation, trained)


def _slide(
    index: int, title: str, before: Shape, window: int, stride: int, padding: str
) -> tuple[int, int]:
    """Output height and width of a window that slides over an image (Keras's rule)."""
    height, width, _ = before
    if padding == "same":
        return math.ceil(height / stride), math.ceil(width / stride)
    if window > min(height, width):
        what = "kernel" if "convolution" in title else "window"
        raise _error(
            f"{title}: a {window}×{window} {what} does not fit its {height}×{width} input. "
            f"Use a {what} of at most {min(height, width)}, padding “same”, "
            "or less pooling before it.",
            index,
            "kernel_size" if what == "kernel" else "pool_size",
        )
    return (height - window) // stride + 1, (width - window) // stride + 1


def _need_image(title: str, before: Shape, index: int) -> None:
    if len(before) != 3:
        raise _error(
            f"{title} needs an image, but an earlier layer has already turned the image into "
            f"a row of {before[0]:,} numbers. Move it before that layer or remove it.",
            index,
        )


def _need_row(title: str, before: Shape, index: int) -> None:
    if len(before) != 1:
        raise _error(
            f"{title} needs a row of numbers, but receives a {describe_shape(before)} image. "
            "Put a flatten or global average pooling layer before it.",
            index,
            missing_layer="flatten",
        )


def _check_size(rows: Sequence[LayerShape]) -> None:
    checks = (
        ("parameters", MAX_PARAMETERS, "parameters", "fewer units or filters"),
        ("multiplications", MAX_MULTIPLICATIONS, "multiplications an image", "a larger stride"),
    )
    for attribute, limit, noun, remedy in checks:
        total = sum(getattr(row, attribute) for row in rows)
        if total > limit:
            worst = max(range(len(rows)), key=lambda i: getattr(rows[i], attribute))
            _raise_too_large(rows, worst, f"{total:,} {noun}", limit, remedy)
    total = sum(math.prod(row.output_shape) for row in rows)
    if total > MAX_ACTIVATIONS:
        worst = max(range(len(rows)), key=lambda i: math.prod(rows[i].output_shape))
        what = f"{total:,} output values an image"
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
