"""The way back: the gradient of the loss at each layer, and which pixels speak for a digit.

The loss is the cross-entropy of one image, without label smoothing and penalties. Gradients come
from TensorFlow's automatic differentiation; the one path of `largest_path` from our own rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.layer import Shape
from mnist_core.experiment.layers import LAYERS
from mnist_core.experiment.shapes import INPUT_SHAPE
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection import latex as formulas
from mnist_core.inspection.activations import IMAGES, FloatArray, Weights, as_batch, probe
from mnist_core.inspection.arithmetic import Unit, explain, softmax, sources, window
from mnist_core.inspection.compiled import CompiledNetwork
from mnist_core.inspection.probe_layers import ProbeLayer
from mnist_core.inspection.weights import initial_weights

_DIGITS, _DIGIT = ((None,), "int32"), ((), "int32")


@dataclass(frozen=True, eq=False)
class Backward:
    """The backward pass of one image, and its loss.

    `gradients` (∂loss/∂output) and `norms` (their L2 norms) have an entry for each layer of the
    probe. `input_gradient` is float32 [28, 28].
    """

    loss: float
    gradients: list[FloatArray]
    input_gradient: FloatArray
    norms: list[float]


@dataclass(frozen=True)
class PathStep:
    """One factor of the chain rule: the path has come to `unit` of `layer` ("input" at the end).

    `factor` is the derivative of the step before by this unit, `product` that of the loss along
    the path so far, `latex` the factor written out.
    """

    layer: str
    unit: Unit
    factor: float
    product: float
    latex: str


def backward(network: NetworkSpec, weights: Weights, image: FloatArray, label: int) -> Backward:
    """The loss and its gradients for an image [28, 28] in [0, 1] and its right digit.

    Raises WeightsError, and ValueError for a label that is no digit.
    """
    found = _backward(network, weights, image[None], np.array([checked_digit(label, network)]))
    logits, pixels, gradients = found
    per_layer = [gradient[0] for gradient in gradients]
    return Backward(
        _loss(logits[0], label),
        per_layer,
        pixels[0, ..., 0],
        [_norm(gradient) for gradient in per_layer],
    )


def gradient_norms_at_start(
    network: NetworkSpec,
    images: FloatArray,
    labels: npt.ArrayLike,
    activation: str,
    initializer: str,
    seed: int,
) -> list[float]:
    """The gradient's norm at each layer of an untrained network of the same layers.

    Layers that have an activation get this one, and all weights are drawn by `initializer`.
    `images` [n, 28, 28], `labels` [n]; each norm is the mean of those of the single images. The
    list has an entry for each layer of `probe(network)`. Raises ValueError.
    """
    other = with_activation(network, activation, initializer)
    digits = np.array([checked_digit(label, network) for label in np.asarray(labels)])
    *_, gradients = _backward(other, initial_weights(other, seed), images, digits)
    norms = {
        layer.name.partition(":")[0] + layer.kind: float(np.mean([_norm(one) for one in values]))
        for layer, values in zip(probe(other).layers, gradients, strict=True)
    }
    return [norms[layer.name.partition(":")[0] + layer.kind] for layer in probe(network).layers]


def with_activation(network: NetworkSpec, activation: str, initializer: str) -> NetworkSpec:
    """The same layers with another activation, where they have one, and another initialiser."""
    if activation == "linear":
        raise ValueError("Choose an activation that is not linear; linear layers stay as they are.")
    layers = []
    for layer in network.layers:
        update: dict[str, Any] = {}
        if getattr(layer, "activation", "linear") != "linear":
            update["activation"] = activation
        if hasattr(layer, "initializer"):
            update["initializer"] = initializer
        layers.append(layer.model_copy(update=update))
    return network.model_copy(update={"layers": tuple(layers), "output_initializer": initializer})


def saliency(network: NetworkSpec, weights: Weights, image: FloatArray, digit: int) -> FloatArray:
    """∂logit/∂pixel for one digit's logit, float32 [28, 28]; above 0 where ink speaks for it.

    Simonyan, Vedaldi and Zisserman (2014). Raises WeightsError, ValueError.
    """
    slopes, _ = _logit(network, weights, image[None], digit)
    return slopes[0]


def integrated_gradients(
    network: NetworkSpec,
    weights: Weights,
    image: FloatArray,
    digit: int,
    steps: int = 64,
    baseline: FloatArray | None = None,
) -> tuple[FloatArray, float]:
    """Each pixel's share of a digit's logit, float32 [28, 28], and what their sum lacks of it.

    Gradients are gathered at `steps` + 1 images between the baseline (by default black) and the
    image, times the way gone. Their sum should be the difference of the two logits; the second
    value is how far it is off. Sundararajan, Taly and Yan (2017). Raises as `saliency`.
    """
    image = np.asarray(image, np.float32)
    start = np.zeros_like(image) if baseline is None else np.asarray(baseline, np.float32)
    shares = np.linspace(0, 1, steps + 1, dtype=np.float32)[:, None, None]
    slopes, logits = _logit(network, weights, start + shares * (image - start), digit)
    # The trapezoid rule: the two ends count half.
    mean = (slopes.sum(0) - (slopes[0] + slopes[-1]) / 2) / steps
    attributions = (image - start) * mean
    gap = attributions.sum(dtype=np.float64) - (float(logits[-1]) - float(logits[0]))
    return attributions, float(gap)


def grad_cam(
    network: NetworkSpec, weights: Weights, image: FloatArray, digit: int, layer: str | None = None
) -> FloatArray | None:
    """The places where feature maps that speak for a digit are active: float32 [28, 28], ≥ 0.

    By default the maps of the last convolution, after normalisation and activation; None when
    there is none. Each map counts by the mean slope of the digit's logit with respect to it
    (Selvaraju et al., 2017). Each value lies at the centre of what it sees in the image, with
    linear interpolation between. Raises as `saliency`, and ValueError for a layer without maps.
    """
    found = probe(network)
    name = layer or last_maps(found.layers)
    if name is None:
        return None
    index = found.index(name)
    if len(found.layers[index].shape) != 3:
        raise ValueError(f"{name} has no feature maps; Grad-CAM needs a layer that has.")
    function = found.compiled(("cam", index), partial(_make_cam, index), IMAGES, _DIGIT)
    values, slopes = function(
        found.checked(weights), as_batch(image[None]), np.int32(checked_digit(digit, network))
    )
    maps, counts = values[0], slopes[0].mean((0, 1))
    cam = np.maximum(maps @ counts, 0)
    rows, columns = (centres(found.layers[: index + 1], axis) for axis in (0, 1))
    pixels = np.arange(INPUT_SHAPE[0])
    tall = np.stack([np.interp(pixels, rows, column) for column in cam.T], axis=1)
    return np.stack([np.interp(pixels, columns, row) for row in tall]).astype(np.float32)


def last_maps(layers: tuple[ProbeLayer, ...]) -> str | None:
    """The layer after the last convolution where its maps are complete, or None."""
    name = None
    for layer in layers:
        if layer.kind == "conv":
            name, following = layer.name, True
        elif name is not None and following and layer.kind in ("batch_norm", "activation"):
            name = layer.name
        else:
            following = False
    return name


def centres(layers: tuple[ProbeLayer, ...], axis: int) -> npt.NDArray[np.float64]:
    """The pixel at the centre of what each row (`axis` 0) or column of the last layer sees."""
    start, step = 0.0, 1
    before: Shape = INPUT_SHAPE
    for layer in layers:
        sliding = window(layer, before)
        if sliding is not None:
            start += ((sliding.size - 1) / 2 - sliding.pad[axis]) * step
            step *= sliding.stride
        before = layer.shape
    return start + step * np.arange(before[axis], dtype=np.float64)


def largest_path(
    network: NetworkSpec,
    weights: Weights,
    outputs: list[FloatArray],
    label: int,
    image: FloatArray,
) -> tuple[PathStep, ...]:
    """One path of the chain rule, from the loss back to a pixel.

    It starts at the right digit's logit and goes at each layer to the input with the largest
    |derivative × value|, or the largest derivative where all those are 0. `outputs` as for
    `explain`. Raises ValueError for a label that is no digit.
    """
    layers = probe(network).layers
    unit: Unit = (checked_digit(label, network),)
    others = np.delete(softmax(outputs[-2]), label).sum()
    here, product = _variable("logits", unit), -float(others)
    meaning = rf"p_{{{label}}} - y_{{{label}}} = {formulas.number(1 + product)} - 1"
    latex = formulas.derivative("L", here, meaning, product, product)
    steps = [PathStep("logits", unit, product, product, latex)]
    for index in range(len(layers) - 2, -1, -1):
        options = sources(explain(network, layers[index].name, unit, outputs, weights, image))
        best = max(
            options,
            key=lambda source: (
                abs(source.local_derivative * source.value),
                abs(source.local_derivative),
            ),
        )
        before = layers[index - 1].name if index else "input"
        there, factor = _variable(before, best.unit), best.local_derivative
        product *= factor
        # By its kind: an activation that belongs to a dense layer is a step of its own here.
        meaning = LAYERS[layers[index].kind].derivative
        latex = formulas.derivative(here, there, meaning, factor, product)
        steps.append(PathStep(before, best.unit, factor, product, latex))
        here, unit = there, best.unit
    return tuple(steps)


def path_product(network: NetworkSpec, steps: Sequence[PathStep]) -> str:
    r"""The factors of a path gathered by what they are, in LaTeX: "\underbrace{0.2}_{…} \cdot …".

    The loss, all weights, all slopes of activations and, unless they are 1, all others (pooling,
    normalisation): so one sees which of them makes the product small. `steps` are those of
    `largest_path`.
    """
    kinds = {layer.name: layer.kind for layer in probe(network).layers}
    gathered: dict[str, list[float]] = {"loss": [steps[0].factor]}
    for above, step in pairwise(steps):  # a step's factor is the derivative of the layer above
        kind = kinds[above.layer]
        what = {"dense": "weight", "conv": "weight", "activation": "slope"}.get(kind, "other")
        gathered.setdefault(what, []).append(step.factor)
    parts = []
    for what, factors in gathered.items():
        if what == "other" and all(one == 1 for one in factors):
            continue
        words = f"{len(factors)} {what}{'s' if len(factors) > 1 else ''}"
        words = "the loss" if what == "loss" else words
        value = formulas.factor(float(np.prod(np.array(factors, np.float64))))
        parts.append(rf"\underbrace{{{value}}}_{{\text{{{words}}}}}")
    return r" \cdot ".join(parts) + f" = {formulas.number(steps[-1].product)}"


def _variable(layer: str, unit: Unit) -> str:
    """The name of a value in a formula: "x_{3,4}" for a pixel, "z_{7}" for a logit."""
    places = ",".join(str(at) for at in (unit[:2] if layer == "input" else unit))
    symbol = {"input": "x", "logits": "z"}.get(layer) or formulas.name(layer)
    return f"{symbol}_{{{places}}}"


def _backward(
    network: NetworkSpec, weights: Weights, images: FloatArray, labels: npt.NDArray[np.int64]
) -> Any:
    """Logits, and the gradients of the sum of all losses by pixels and layers' outputs."""
    found = probe(network)
    function = found.compiled("backward", _make_backward, IMAGES, _DIGITS)
    return function(found.checked(weights), as_batch(images), labels.astype(np.int32))


def _make_backward(tf: Any, network: CompiledNetwork) -> Callable[..., Any]:
    def function(weights: Any, images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = network.call(weights, images)
        right = tf.one_hot(labels, outputs[-1].shape[-1])
        others = (1 - right) * outputs[-1]
        # p − y, where p − 1 is written as minus all other probabilities: when p is all but 1,
        # float32 knows the difference no more.
        slopes = others - right * tf.reduce_sum(others, axis=1, keepdims=True)
        pixels, *of_layers = tape.gradient(
            outputs[-2],
            [images, *outputs[:-1]],
            output_gradients=slopes,
            unconnected_gradients="zero",
        )
        # L = −ln p, so that ∂L/∂p = −1/p.
        of_layers.append(-right / tf.maximum(outputs[-1], np.finfo(np.float32).tiny))
        return outputs[-2], pixels, of_layers

    return function


def _logit(
    network: NetworkSpec, weights: Weights, images: FloatArray, digit: int
) -> tuple[FloatArray, FloatArray]:
    """A digit's logit for each image, [n], and its slopes by their pixels, [n, 28, 28]."""
    found = probe(network)
    function = found.compiled("logit", _make_logit, IMAGES, _DIGIT)
    slopes, logits = function(
        found.checked(weights), as_batch(images), np.int32(checked_digit(digit, network))
    )
    return slopes[..., 0], logits


def _make_logit(tf: Any, network: CompiledNetwork) -> Callable[..., Any]:
    def function(weights: Any, images: Any, digit: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = tf.gather(network.call(weights, images)[-2], digit, axis=1)
        return tape.gradient(logits, images), logits

    return function


def _make_cam(index: int, tf: Any, network: CompiledNetwork) -> Callable[..., Any]:
    def function(weights: Any, images: Any, digit: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = network.call(weights, images)
            logits = tf.gather(outputs[-2], digit, axis=1)
        return outputs[index], tape.gradient(logits, outputs[index])

    return function


def _loss(logits: FloatArray, label: int) -> float:
    """−ln p of the label, exact even where p is all but 1: ln(1 + Σ e^(z_j − z_label))."""
    behind = np.delete(logits.astype(np.float64), label) - float(logits[label])
    highest = max(float(behind.max()), 0.0)
    if highest == 0:
        return float(np.log1p(np.exp(behind).sum()))
    return highest + float(np.log(np.exp(behind - highest).sum() + np.exp(-highest)))


def _norm(gradient: FloatArray) -> float:
    """The L2 norm, in float64: squares of a vanishing gradient are too small for float32.

    Not by `np.linalg.norm`: for large arrays it has OpenBLAS share the work among threads, which
    wait 20 ms for one another on a busy machine.
    """
    return math.sqrt(np.square(gradient, dtype=np.float64).sum())


def checked_digit(digit: int, network: NetworkSpec) -> int:
    """The digit itself, where the network has such a class; else raises ValueError."""
    if not 0 <= digit < network.classes:
        raise ValueError(f"{digit} is no digit from 0 to {network.classes - 1}.")
    return int(digit)
