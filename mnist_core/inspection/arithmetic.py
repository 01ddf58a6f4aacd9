"""The arithmetic of one value of a layer by hand: its inputs, the products, the result.

Everything is NumPy on one image's outputs; Keras is not asked. Numbers of one value agree with
what Keras computes up to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.activations import ACTIVATIONS, LEAK, leaky_relu
from mnist_core.experiment.layer import Shape, describe_shape
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection import latex
from mnist_core.inspection.activations import FloatArray, Weights, probe
from mnist_core.inspection.probe_layers import ProbeLayer

# What Keras's BatchNormalization adds to the variance.
EPSILON = 1e-3

Unit = tuple[int, ...]


class UnitError(ValueError):
    """There is no such value in the network; the message says what there is."""


@dataclass(frozen=True)
class Window:
    """A window that slides over an image; `pad` rows and columns of padding come first."""

    size: int
    stride: int
    pad: tuple[int, int]

    def start(self, unit: Unit) -> tuple[int, int]:
        """Row and column in the input where the window for this output begins, maybe negative."""
        return unit[0] * self.stride - self.pad[0], unit[1] * self.stride - self.pad[1]


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """The arithmetic of the value at `unit` of `layer`.

    `unit` is (row, column, channel), or (index,) in a row of numbers. `inputs` is what the value
    is computed from: a patch [height, width, channels] with zeros for padding, or a row [n].
    `weights` and `products` have the same shape where the layer multiplies, else they are None.
    `origin` is the row and column of the patch's corner in the layer's input, negative in the
    padding; `inside` [height, width] is False for the padding. `slope` is the derivative where
    there is one input only. `input_shape` is the shape of all that the layer receives.
    """

    layer: ProbeLayer
    unit: Unit
    inputs: FloatArray
    value: float
    formula: str
    input_shape: Shape
    weights: FloatArray | None = field(default=None, kw_only=True)
    bias: float | None = field(default=None, kw_only=True)
    products: FloatArray | None = field(default=None, kw_only=True)
    origin: tuple[int, int] | None = field(default=None, kw_only=True)
    inside: npt.NDArray[np.bool_] | None = field(default=None, kw_only=True)
    slope: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Source:
    """An input of a value: where it is in the layer before, ∂value/∂input, and the input."""

    unit: Unit
    local_derivative: float
    value: float


def explain(
    network: NetworkSpec,
    layer_name: str,
    unit: Unit,
    outputs: list[FloatArray],
    weights: Weights,
    image: FloatArray,
) -> Arithmetic:
    """The arithmetic of the value at `unit` of a layer.

    `outputs` are the outputs of all layers of `probe(network)` for `image` [28, 28] in [0, 1],
    without the batch axis. Raises UnitError when there is no such layer or value.
    """
    layers = probe(network).layers
    index = _index(layers, layer_name)
    layer = layers[index]
    unit = _checked(layer, unit)
    received = outputs[index - 1] if index else np.asarray(image, np.float32).reshape(INPUT_SHAPE)
    rule = _unchanged if layer.passes_through else _RULES[layer.kind]
    return rule(layer, unit, received, [weights[place] for place in layer.weights])


def sources(arithmetic: Arithmetic) -> list[Source]:
    """The inputs that the value depends on, each with the local derivative ∂value/∂input.

    A max pooling window has derivative 1 at its (first) largest value and 0 elsewhere.
    """
    layer, values = arithmetic.layer, arithmetic.inputs
    if arithmetic.slope is not None:
        return [Source(_origin_unit(arithmetic), arithmetic.slope, float(values.ravel()[0]))]
    slopes = _slopes(arithmetic)
    if values.ndim == 1:
        return [Source((at,), float(slopes[at]), float(values[at])) for at in range(len(values))]
    assert arithmetic.origin is not None and arithmetic.inside is not None
    top, left = arithmetic.origin
    first = 0 if layer.kind == "conv" else arithmetic.unit[-1]
    return [
        Source(
            (top + row, left + column, first + channel),
            float(slopes[row, column, channel]),
            float(values[row, column, channel]),
        )
        for row, column in np.argwhere(arithmetic.inside).tolist()
        for channel in range(values.shape[2])
    ]


def window(layer: ProbeLayer, input_shape: Shape) -> Window | None:
    """The window of a convolution or pooling layer over its input; None for other layers."""
    if layer.kind == "conv":
        size, stride = layer.spec.kernel_size, layer.spec.stride
    elif layer.kind in ("max_pool", "average_pool"):
        size, stride = layer.spec.pool_size, layer.spec.stride or layer.spec.pool_size
    else:
        return None
    if layer.spec.padding == "valid":
        return Window(size, stride, (0, 0))
    # TensorFlow's "same": as much padding as the last window needs, the odd one after the image.
    lacking = [
        max((outside - 1) * stride + size - inside, 0)
        for outside, inside in zip(layer.shape[:2], input_shape[:2], strict=True)
    ]
    return Window(size, stride, (lacking[0] // 2, lacking[1] // 2))


def receptive_field(network: NetworkSpec, layer_name: str, unit: Unit) -> tuple[int, int, int, int]:
    """The pixels that a value can depend on: (top, left, bottom, right), the last two exclusive.

    Windows that do not fit at the edge drop rows, so even a dense neuron may not see all 28.
    Raises UnitError.
    """
    layers = probe(network).layers
    index = _index(layers, layer_name)
    # For each axis the first index that counts and one past the last.
    region = [(at, at + 1) for at in _checked(layers[index], unit)]
    for place in range(index, -1, -1):
        before = layers[place - 1].shape if place else INPUT_SHAPE
        region = _seen(layers[place], before, region)
    (top, bottom), (left, right) = region[:2]
    return top, left, bottom, right


def softmax(logits: FloatArray) -> npt.NDArray[np.float64]:
    """Probabilities of logits [n], in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum())


def _seen(layer: ProbeLayer, before: Shape, region: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The region of a layer's input that a region of its output depends on."""
    whole = [(0, size) for size in before]
    sliding = window(layer, before)
    if sliding is not None:
        spans = []
        for axis in (0, 1):
            first, end = region[axis]
            start = first * sliding.stride - sliding.pad[axis]
            stop = (end - 1) * sliding.stride - sliding.pad[axis] + sliding.size
            spans.append((max(start, 0), min(stop, before[axis])))
        return [*spans, whole[2] if layer.kind == "conv" else region[2]]
    if layer.kind in ("dense", "softmax"):
        return whole
    if layer.kind == "global_average_pool":
        return [*whole[:2], region[0]]
    if layer.kind == "unit_norm":
        return [whole[0], *region[1:]]
    if layer.kind == "flatten" and len(before) > 1:
        first, end = region[0]
        if end - first > 1:
            return whole
        return [(int(at), int(at) + 1) for at in np.unravel_index(first, before)]
    return region


def _index(layers: tuple[ProbeLayer, ...], name: str) -> int:
    names = [layer.name for layer in layers]
    if name not in names:
        raise UnitError(f"There is no layer “{name}”; the layers are {', '.join(names)}.")
    return names.index(name)


def _checked(layer: ProbeLayer, unit: Unit) -> Unit:
    fits = len(unit) == len(layer.shape) and all(
        0 <= at < size for at, size in zip(unit, layer.shape, strict=True)
    )
    if not fits:
        what = "row, column and channel" if len(layer.shape) == 3 else "index"
        raise UnitError(
            f"There is no value {tuple(unit)} in {layer.name}; its output is "
            f"{describe_shape(layer.shape)}, counted from 0 by {what}."
        )
    return tuple(int(at) for at in unit)


# --- One rule a kind of layer that computes: (layer, unit, all inputs, its weights) → Arithmetic --

_Rule = Callable[[ProbeLayer, Unit, FloatArray, list[FloatArray]], Arithmetic]


def _dense(
    layer: ProbeLayer, unit: Unit, received: FloatArray, weights: list[FloatArray]
) -> Arithmetic:
    return _sum(layer, unit, received, received.shape, weights[0][:, unit[0]], weights[1][unit[0]])


def _conv(
    layer: ProbeLayer, unit: Unit, received: FloatArray, weights: list[FloatArray]
) -> Arithmetic:
    patch, origin, inside = _patch(layer, unit, received)
    kernel, bias = weights[0][..., unit[2]], weights[1][unit[2]]
    return _sum(layer, unit, patch, received.shape, kernel, bias, origin, inside)


def _sum(
    layer: ProbeLayer,
    unit: Unit,
    inputs: FloatArray,
    input_shape: Shape,
    weights: FloatArray,
    bias: np.float32,
    origin: tuple[int, int] | None = None,
    inside: npt.NDArray[np.bool_] | None = None,
) -> Arithmetic:
    products = inputs.astype(np.float64) * weights
    value = float(products.sum() + bias)
    formula = latex.weighted_sum(products, inputs, weights, float(bias), value)
    return Arithmetic(
        layer, unit, inputs, value, formula, input_shape,
        weights=weights, bias=float(bias), products=products.astype(np.float32),
        origin=origin, inside=inside,
    )  # fmt: skip


def _pool(
    layer: ProbeLayer, unit: Unit, received: FloatArray, _weights: list[FloatArray]
) -> Arithmetic:
    """The largest value or the mean of a window, padding left out, or of a whole map."""
    one_map = received[..., unit[-1] :][..., :1]
    if layer.kind == "global_average_pool":
        patch, origin, inside = one_map, (0, 0), np.ones(one_map.shape[:2], bool)
    else:
        patch, origin, inside = _patch(layer, unit, one_map)
    values = patch[inside][:, 0]
    if layer.kind == "max_pool":
        value = float(values.max())
        formula = latex.largest(values, value)
    else:
        value = float(values.mean(dtype=np.float64))
        formula = latex.mean(values, value)
    return Arithmetic(
        layer, unit, patch, value, formula, received.shape, origin=origin, inside=inside
    )


def _batch_norm(
    layer: ProbeLayer, unit: Unit, received: FloatArray, weights: list[FloatArray]
) -> Arithmetic:
    x = float(received[unit])
    gamma, beta, average, variance = (float(weight[unit[-1]]) for weight in weights)
    slope = gamma / float(np.sqrt(variance + EPSILON))
    value = slope * (x - average) + beta
    formula = latex.normalised(x, gamma, beta, average, variance, EPSILON, value)
    return _one_input(layer, unit, received, unit, value, formula, slope)


def _activation(
    layer: ProbeLayer, unit: Unit, received: FloatArray, _weights: list[FloatArray]
) -> Arithmetic:
    kind = layer.activation or "linear"
    leak = getattr(layer.spec, "negative_slope", LEAK)
    function = leaky_relu(leak) if kind == "leaky_relu" else ACTIVATIONS[kind]
    z = np.asarray([received[unit]], np.float64)
    value = float(function.value(z)[0])
    slope = float(function.derivative(z)[0])
    formula = latex.activation(kind, float(z[0]), value, leak)
    return _one_input(layer, unit, received, unit, value, formula, slope)


def _rescale(
    layer: ProbeLayer, unit: Unit, received: FloatArray, _weights: list[FloatArray]
) -> Arithmetic:
    x, scale, offset = float(received[unit]), layer.spec.scale, layer.spec.offset
    value = x * scale + offset
    formula = latex.rescaled(x, scale, offset, value)
    return _one_input(layer, unit, received, unit, value, formula, scale)


def _unit_norm(
    layer: ProbeLayer, unit: Unit, received: FloatArray, _weights: list[FloatArray]
) -> Arithmetic:
    """One number of a column, which depends on all of the column."""
    column = received[:, unit[1] : unit[1] + 1, unit[2] : unit[2] + 1]
    length = _length(column)
    value = float(received[unit]) / length
    formula = latex.over_length(float(received[unit]), length, value)
    return Arithmetic(
        layer, unit, column, value, formula, received.shape,
        origin=(0, unit[1]), inside=np.ones(column.shape[:2], bool),
    )  # fmt: skip


def _length(values: FloatArray) -> float:
    """The L2 norm; of nothing but zeros 1, so that they stay zeros."""
    return float(np.linalg.norm(values.astype(np.float64))) or 1.0


def _unchanged(
    layer: ProbeLayer, unit: Unit, received: FloatArray, _weights: list[FloatArray]
) -> Arithmetic:
    place = unit
    if layer.kind == "flatten":
        place = tuple(int(at) for at in np.unravel_index(unit[0], received.shape))
    value = float(received[place])
    return _one_input(layer, unit, received, place, value, latex.unchanged(value), 1.0)


def _one_input(
    layer: ProbeLayer,
    unit: Unit,
    received: FloatArray,
    place: Unit,
    value: float,
    formula: str,
    slope: float,
) -> Arithmetic:
    inputs = np.asarray([received[place]], np.float32)
    return Arithmetic(layer, unit, inputs, value, formula, received.shape, slope=slope)


def _softmax(
    layer: ProbeLayer, unit: Unit, received: FloatArray, _weights: list[FloatArray]
) -> Arithmetic:
    value = float(softmax(received)[unit])
    formula = latex.softmax(received, unit[0], value)
    return Arithmetic(layer, unit, received, value, formula, received.shape)


_RULES: dict[str, _Rule] = {
    "dense": _dense,
    "conv": _conv,
    "max_pool": _pool,
    "average_pool": _pool,
    "global_average_pool": _pool,
    "batch_norm": _batch_norm,
    "activation": _activation,
    "softmax": _softmax,
    "rescale": _rescale,
    "unit_norm": _unit_norm,
}


def _patch(
    layer: ProbeLayer, unit: Unit, received: FloatArray
) -> tuple[FloatArray, tuple[int, int], npt.NDArray[np.bool_]]:
    """The patch that a window covers, zeros in the padding; its corner; where it is inside."""
    sliding = window(layer, received.shape)
    assert sliding is not None
    top, left = sliding.start(unit)
    rows, columns = top + np.arange(sliding.size), left + np.arange(sliding.size)
    height, width = received.shape[:2]
    inside = np.logical_and.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    nearest = np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))
    return received[nearest] * inside[..., None].astype(np.float32), (top, left), inside


def _slopes(arithmetic: Arithmetic) -> FloatArray:
    """∂value/∂input for each of `inputs`."""
    kind, values = arithmetic.layer.kind, arithmetic.inputs
    if arithmetic.weights is not None:
        return arithmetic.weights
    if kind == "softmax":
        p = softmax(values)
        at = arithmetic.unit[0]
        return (p[at] * ((np.arange(len(p)) == at) - p)).astype(np.float32)
    if kind == "unit_norm":
        place, length = (arithmetic.unit[0], 0, 0), _length(values)
        found = -arithmetic.value * values.astype(np.float64) / length
        found[place] += 1
        return (found / length).astype(np.float32)
    assert arithmetic.inside is not None
    inside = arithmetic.inside[..., None]
    if kind == "max_pool":
        slopes = np.zeros(values.shape, np.float32)
        slopes.flat[int(np.where(inside, values, -np.inf).argmax())] = 1
        return slopes
    return inside.astype(np.float32) / np.float32(inside.sum())


def _origin_unit(arithmetic: Arithmetic) -> Unit:
    """The place, in the layer before, of the only input of a value."""
    if arithmetic.layer.kind != "flatten":
        return arithmetic.unit
    return tuple(int(at) for at in np.unravel_index(arithmetic.unit[0], arithmetic.input_shape))
