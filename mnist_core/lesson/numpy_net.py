"""A small neural network in plain NumPy, to be read from top to bottom.

What the lesson computes on screen is computed here: neurons (their activations are in
`mnist_core.experiment.activations`), first weights, a forward pass, loss and backward pass, steps
down a loss surface, convolution and pooling. It is slow and clear; `mnist_core.model.build`
makes the networks that are trained for real.
All arrays are float64. Rows are examples: x [n, inputs] · W [inputs, units] + b [units].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.activations import ACTIVATIONS

Floats = npt.NDArray[np.float64]

# --- First weights -------------------------------------------------------------------------------

SMALL, LARGE = 0.05, 1.0  # standard deviations; SMALL is Keras's random_normal
INITIALIZERS = ("zeros", "random_normal", "large", "glorot_uniform", "he_normal")


def initial_weights(name: str, inputs: int, units: int, generator: np.random.Generator) -> Floats:
    """Weights [inputs, units] before the first step.

    Glorot and Bengio (2010) keep the spread of signals for activations that are linear near 0,
    He et al. (2015) for ReLU, which drops half of them.
    """
    shape = (inputs, units)
    if name == "zeros":
        return np.zeros(shape)
    if name == "glorot_uniform":
        limit = math.sqrt(6 / (inputs + units))
        return generator.uniform(-limit, limit, shape)
    spread = {"random_normal": SMALL, "large": LARGE, "he_normal": math.sqrt(2 / inputs)}
    return generator.normal(0, spread[name], shape)


# --- Forward -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Layer:
    """`weights` [inputs, units], `bias` [units] and the name of the activation."""

    weights: Floats
    bias: Floats
    activation: str = "linear"

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return self.weights.size + self.bias.size


@dataclass(frozen=True, eq=False)
class Pass:
    """The results of a forward pass: `pre_activations[i]` and `outputs[i + 1]` belong to layer i.

    `outputs[0]` is the input; each is [n, units].
    """

    pre_activations: tuple[Floats, ...]
    outputs: tuple[Floats, ...]

    @property
    def logits(self) -> Floats:
        """The last layer's pre-activations, from which softmax makes probabilities."""
        return self.pre_activations[-1]


def forward(layers: Sequence[Layer], inputs: Floats) -> Pass:
    """Layer by layer: z = x · W + b, then φ(z), which is the next layer's x."""
    pre_activations, outputs = [], [np.asarray(inputs, np.float64)]
    for layer in layers:
        z = outputs[-1] @ layer.weights + layer.bias
        pre_activations.append(z)
        outputs.append(ACTIVATIONS[layer.activation].value(z))
    return Pass(tuple(pre_activations), tuple(outputs))


def random_network(
    sizes: Sequence[int], activation: str, initializer: str, generator: np.random.Generator
) -> list[Layer]:
    """Layers from `sizes[0]` inputs to `sizes[-1]` units, biases 0."""
    return [
        Layer(initial_weights(initializer, inputs, units, generator), np.zeros(units), activation)
        for inputs, units in itertools.pairwise(sizes)
    ]


def collapse(layers: Sequence[Layer]) -> Layer:
    """The one linear layer that does what a stack of linear layers does."""
    weights, bias = layers[0].weights, layers[0].bias
    for layer in layers[1:]:
        weights, bias = weights @ layer.weights, bias @ layer.weights + layer.bias
    return Layer(weights, bias)


# --- Loss and backward ---------------------------------------------------------------------------


def softmax(logits: Floats) -> Floats:
    """Shares along the last axis that sum to 1; the largest is taken off first, for safety."""
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def cross_entropy(logits: Floats, labels: npt.NDArray[np.int_]) -> float:
    """The mean over the rows of −ln(the softmax share of the right class)."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_shares = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return float(-log_shares[np.arange(len(labels)), labels].mean())


@dataclass(frozen=True, eq=False)
class Gradient:
    """The loss's derivatives at one layer.

    By its `weights` [inputs, units], its `bias` [units], its pre-activations (`delta`, δ in
    textbooks, [n, units]) and its `inputs` [n, inputs].
    """

    weights: Floats
    bias: Floats
    delta: Floats
    inputs: Floats


def backward(layers: Sequence[Layer], passed: Pass, labels: npt.NDArray[np.int_]) -> list[Gradient]:
    """The chain rule from the last layer back, for softmax and cross-entropy.

    One entry a layer, in the layers' order.
    """
    rows = len(labels)
    by_output = softmax(passed.logits)
    by_output[np.arange(rows), labels] -= 1
    delta = by_output / rows
    found: list[Gradient] = []
    for index in reversed(range(len(layers))):
        inputs, weights = passed.outputs[index], layers[index].weights
        by_inputs = delta @ weights.T
        found.insert(0, Gradient(inputs.T @ delta, delta.sum(axis=0), delta, by_inputs))
        if index:
            slope = ACTIVATIONS[layers[index - 1].activation].derivative
            delta = by_inputs * slope(passed.pre_activations[index - 1])
    return found


def step(layers: Sequence[Layer], gradients: Sequence[Gradient], rate: float) -> list[Layer]:
    """The layers after one step of gradient descent with learning rate `rate`."""
    return [
        Layer(
            layer.weights - rate * gradient.weights,
            layer.bias - rate * gradient.bias,
            layer.activation,
        )
        for layer, gradient in zip(layers, gradients, strict=True)
    ]


# --- Loss surfaces of two parameters, and ways down ----------------------------------------------


@dataclass(frozen=True, eq=False)
class Surface:
    """The mean squared error of a model with two parameters θ on examples x [n] with targets y [n].

    `predict(p, q, x)` is the model; `slopes(p, q, x)` its derivatives by p and by q.
    """

    x: Floats
    y: Floats
    predict: Callable[[Any, Any, Floats], Floats]
    slopes: Callable[[Any, Any, Floats], tuple[Floats, Floats]]

    def loss(self, p: Floats, q: Floats) -> Floats:
        """For each pair in `p` and `q` (of one shape) the loss on all examples."""
        wrong = self.predict(np.asarray(p)[..., None], np.asarray(q)[..., None], self.x) - self.y
        loss: Floats = (wrong**2).mean(axis=-1)
        return loss

    def gradient(self, theta: Floats, rows: npt.NDArray[np.int_] | None = None) -> Floats:
        """The derivatives by both parameters [2], on the examples `rows` (None: all)."""
        x, y = (self.x, self.y) if rows is None else (self.x[rows], self.y[rows])
        wrong = self.predict(theta[0], theta[1], x) - y
        by_p, by_q = self.slopes(theta[0], theta[1], x)
        return np.array([(2 * wrong * by_p).mean(), (2 * wrong * by_q).mean()])


def line_surface(examples: int = 64, seed: int = 1) -> Surface:
    """One linear neuron, ŷ = w·x + b, on points near a line: one long valley."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-0.6, 2.6, examples)
    y = 1.1 * x - 0.5 + generator.normal(0, 0.35, examples)
    return Surface(
        x, y, lambda w, b, x: w * x + b, lambda w, b, x: (x + 0 * w, np.ones_like(x) + 0 * b)
    )


def pair_surface(examples: int = 64, seed: int = 2) -> Surface:
    """Two neurons in a row, ŷ = v·tanh(w·x): two valleys, and a saddle between them."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-2, 2, examples)
    y = 1.4 * np.tanh(1.3 * x) + generator.normal(0, 0.25, examples)

    def slopes(w: Any, v: Any, x: Floats) -> tuple[Floats, Floats]:
        bent = np.tanh(w * x)
        return v * (1 - bent**2) * x, bent

    return Surface(x, y, lambda w, v, x: v * np.tanh(w * x), slopes)


OptimizerName = Literal["sgd", "momentum", "adam"]
MOMENTUM = 0.9
ADAM_MEAN, ADAM_SQUARE, ADAM_LEAST = 0.9, 0.999, 1e-7


def descend(
    surface: Surface,
    start: Sequence[float],
    rate: float,
    epochs: int,
    batch_size: int,
    optimizer: OptimizerName = "sgd",
    seed: int = 0,
) -> Floats:
    """The way down: θ before the first step and after each, [steps + 1, 2].

    Each epoch meets every example once, in a new order, `batch_size` at a time. The way ends
    where a parameter is no longer a finite number. Update rules and constants as in Keras.
    """
    generator = np.random.default_rng(seed)
    path = [np.array(start, np.float64)]
    velocity, square = np.zeros(2), np.zeros(2)
    for _ in range(epochs):
        order = generator.permutation(len(surface.x))
        for first in range(0, len(order), batch_size):
            gradient = surface.gradient(path[-1], order[first : first + batch_size])
            if optimizer == "adam":
                taken = len(path)
                velocity = ADAM_MEAN * velocity + (1 - ADAM_MEAN) * gradient
                square = ADAM_SQUARE * square + (1 - ADAM_SQUARE) * gradient**2
                mean = velocity / (1 - ADAM_MEAN**taken)
                spread = np.sqrt(square / (1 - ADAM_SQUARE**taken))
                change = -rate * mean / (spread + ADAM_LEAST)
            else:
                kept = MOMENTUM if optimizer == "momentum" else 0.0
                change = velocity = kept * velocity - rate * gradient
            theta = path[-1] + change
            if not (np.abs(theta) < 1e6).all():
                return np.array(path)
            path.append(theta)
    return np.array(path)


# --- Convolution and pooling ---------------------------------------------------------------------

Padding = Literal["valid", "same"]


def padding_sizes(size: int, window: int, stride: int, padding: Padding) -> tuple[int, int]:
    """The number of zeros before and after a side of `size` (Keras's rule)."""
    if padding == "valid":
        return 0, 0
    missing = max((math.ceil(size / stride) - 1) * stride + window - size, 0)
    return missing // 2, missing - missing // 2


def pad(image: Floats, window: int, stride: int, padding: Padding, fill: float = 0.0) -> Floats:
    """The image [height, width] with a border of `fill` that `padding` asks for."""
    borders = [padding_sizes(size, window, stride, padding) for size in image.shape]
    return np.pad(image, borders, constant_values=fill)


def windows(image: Floats, window: int, stride: int) -> Floats:
    """Every place where a window fits: [rows, columns, window, window]."""
    views = np.lib.stride_tricks.sliding_window_view(image, (window, window))
    return views[::stride, ::stride]


def convolve(image: Floats, kernel: Floats, stride: int = 1, padding: Padding = "valid") -> Floats:
    """Slide the kernel [k, k] over the image; at each place multiply and add up.

    As in every deep-learning library the kernel is not turned round first, so mathematicians
    call this a cross-correlation.
    """
    size = kernel.shape[0]
    places = windows(pad(image, size, stride, padding), size, stride)
    return np.einsum("rcij,ij->rc", places, kernel)


def pool(image: Floats, window: int, stride: int | None = None, kind: str = "max") -> Floats:
    """The largest ("max") or the mean ("average") value of each window."""
    places = windows(image, window, stride or window)
    reduced: Floats = places.max((2, 3)) if kind == "max" else places.mean((2, 3))
    return reduced
