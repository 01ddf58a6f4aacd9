"""The chain rule on a network of six neurons, edge by edge: every step with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnist_core.lesson.numpy_net import (
    Gradient,
    Layer,
    Pass,
    backward,
    cross_entropy,
    forward,
    softmax,
    step,
)
from mnist_core.lesson.recordings import pairs
from pages.views.learn.words import factor, tex

Part = str | tuple[str, str]
NUDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Example:
    """A small network with the weights of `seed`, one input with its right class, both passes."""

    seed: int
    layers: list[Layer]
    inputs: np.ndarray
    label: int
    passed: Pass
    gradients: list[Gradient]
    loss: float

    @property
    def shares(self) -> np.ndarray:
        """The softmax shares [2]."""
        return np.asarray(softmax(self.passed.logits)[0])


@dataclass(frozen=True)
class Step:
    """One derivative: whose it is, its name and rule in LaTeX, the numbers put in, its value.

    `hint` is a sentence for someone who does not see how to begin; `onward` are the parts of the
    network that the rule takes its factors from.
    """

    part: Part
    title: str
    name: str
    rule: str
    numbers: str
    value: float
    hint: str
    onward: frozenset[Part]


def example(seed: int, label: int, inputs: tuple[float, float]) -> Example:
    """The network with the weights that belong to `seed`, for these inputs.

    Seed 0 are weights that were trained to tell a 1 (output 1) from anything else (output 2).
    """
    if seed == 0:
        layers = list(pairs().layers)
    else:
        generator = np.random.default_rng(seed)
        first, second = (generator.uniform(-1.5, 1.5, (2, 2)).round(1) for _ in range(2))
        layers = [Layer(first, np.zeros(2), "sigmoid"), Layer(second, np.zeros(2))]
    x = np.array([inputs])
    passed, labels = forward(layers, x), np.array([label])
    gradients = backward(layers, passed, labels)
    return Example(seed, layers, x, label, passed, gradients, cross_entropy(passed.logits, labels))


def steps(found: Example) -> list[Step]:
    """All derivatives in the order in which backpropagation finds them, the last layer first."""
    return [
        *(_output(found, k) for k in range(2)),
        *(_output_weight(found, j, k) for k in range(2) for j in range(2)),
        *(_hidden(found, j) for j in range(2)),
        *(_input_weight(found, i, j) for j in range(2) for i in range(2)),
    ]


def _output(found: Example, k: int) -> Step:
    share, right = float(found.shares[k]), int(found.label == k)
    delta = float(found.gradients[1].delta[0, k])
    return Step(
        f"o{k + 1}",
        f"output {k + 1}: how does the loss change with its logit?",
        rf"\delta_{{o{k + 1}}} = \frac{{\partial L}}{{\partial z_{{o{k + 1}}}}}",
        rf"p_{k + 1} - y_{k + 1}",
        rf"{tex(share, 3)} - {right}",
        delta,
        f"The probability of class {k + 1} minus what it should be: 1 for the right class, 0 for "
        "the other.",
        frozenset(),
    )


def _output_weight(found: Example, j: int, k: int) -> Step:
    out, delta = float(found.passed.outputs[1][0, j]), float(found.gradients[1].delta[0, k])
    return Step(
        (f"h{j + 1}", f"o{k + 1}"),
        f"the weight from hidden {j + 1} to output {k + 1}",
        rf"\frac{{\partial L}}{{\partial w_{{h{j + 1} \to o{k + 1}}}}}",
        rf"a_{{h{j + 1}}} \cdot \delta_{{o{k + 1}}}",
        rf"{factor(out, 3)} \cdot {factor(delta, 3)}",
        float(found.gradients[1].weights[j, k]),
        "What comes in at the edge’s start, times the δ at its end.",
        frozenset({f"h{j + 1}", f"o{k + 1}"}),
    )


def _hidden(found: Example, j: int) -> Step:
    weights, deltas = found.layers[1].weights[j], found.gradients[1].delta[0]
    out = float(found.passed.outputs[1][0, j])
    sums = " + ".join(
        rf"{factor(float(weight), 1)} \cdot {factor(float(delta), 3)}"
        for weight, delta in zip(weights, deltas, strict=True)
    )
    return Step(
        f"h{j + 1}",
        f"hidden {j + 1}: what comes back to it through both of its edges?",
        rf"\delta_{{h{j + 1}}} = \frac{{\partial L}}{{\partial z_{{h{j + 1}}}}}",
        rf"\Big(\sum_k w_{{h{j + 1} \to ok}}\,\delta_{{ok}}\Big) \cdot "
        rf"a_{{h{j + 1}}}(1 - a_{{h{j + 1}}})",
        rf"({sums}) \cdot {tex(out, 3)} \cdot {tex(1 - out, 3)}",
        float(found.gradients[0].delta[0, j]),
        "Each output’s δ times the weight that leads there, added up; then times the sigmoid’s "
        "slope a(1 − a).",
        frozenset({(f"h{j + 1}", "o1"), (f"h{j + 1}", "o2"), "o1", "o2"}),
    )


def _input_weight(found: Example, i: int, j: int) -> Step:
    value, delta = float(found.inputs[0, i]), float(found.gradients[0].delta[0, j])
    return Step(
        (f"x{i + 1}", f"h{j + 1}"),
        f"the weight from input {i + 1} to hidden {j + 1}",
        rf"\frac{{\partial L}}{{\partial w_{{x{i + 1} \to h{j + 1}}}}}",
        rf"x_{i + 1} \cdot \delta_{{h{j + 1}}}",
        rf"{factor(value, 2)} \cdot {factor(delta, 3)}",
        float(found.gradients[0].weights[i, j]),
        "The same rule as one layer later: what comes in, times the δ at the edge’s end.",
        frozenset({f"x{i + 1}", f"h{j + 1}"}),
    )


def weight_place(part: tuple[str, str]) -> tuple[int, int, int]:
    """The place of an edge's weight: its layer, row and column."""
    layer = 0 if part[0][0] == "x" else 1
    return layer, int(part[0][1]) - 1, int(part[1][1]) - 1


def nudged(found: Example, part: tuple[str, str]) -> float:
    """The derivative by an edge's weight found by trying: nudge it both ways, see the loss."""
    layer, row, column = weight_place(part)
    losses = []
    for sign in (1, -1):
        weights = found.layers[layer].weights.copy()
        weights[row, column] += sign * NUDGE
        layers = list(found.layers)
        layers[layer] = Layer(weights, layers[layer].bias, layers[layer].activation)
        logits = forward(layers, found.inputs).logits
        losses.append(cross_entropy(logits, np.array([found.label])))
    return (losses[0] - losses[1]) / (2 * NUDGE)


def loss_after_step(found: Example, rate: float) -> float:
    """The loss after one step of gradient descent on all weights and biases."""
    layers = step(found.layers, found.gradients, rate)
    return cross_entropy(forward(layers, found.inputs).logits, np.array([found.label]))


def verdict(guess: float, value: float) -> tuple[bool, str]:
    """A predicted derivative's verdict, right or not, and a sentence about it."""
    if abs(guess - value) <= max(0.02 * abs(value), 0.0015):
        return True, "Right."
    if value and abs(guess + value) <= max(0.02 * abs(value), 0.0015):
        return False, "The size is right, the sign is not: does the loss rise or fall with it?"
    if guess * value < 0:
        return False, "Not yet, and the sign is wrong: does the loss rise or fall with it?"
    if value and abs(guess) > 1.5 * abs(value):
        return False, "The sign is right, but that is too large."
    if value and abs(guess) < 0.67 * abs(value):
        return False, "The sign is right, but that is too small."
    return False, "Close, but not yet to three decimals."
