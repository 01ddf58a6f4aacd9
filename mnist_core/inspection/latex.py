r"""One value's formula in LaTeX, with its numbers in short form: "\max(0,\ 0.31) = 0.31"."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from mnist_core.experiment.activations import ACTIVATIONS, LEAK, leaky_relu

Numbers = npt.NDArray[np.floating]

# Terms of a sum that are written out; the others become dots.
TERMS = 3
# Values of a pooling window that are written out when they are all there are.
SMALL_WINDOW = 4


def number(value: float) -> str:
    r"""A number with four digits, in LaTeX.

    >>> number(0.12345), number(-3.0), number(0.000012)
    ('0.1235', '-3', '1.2 \\times 10^{-5}')
    """
    if not math.isfinite(value):
        return (
            r"\text{not a number}" if math.isnan(value) else ("" if value > 0 else "-") + r"\infty"
        )
    digits, _, exponent = f"{value + 0.0:.4g}".partition("e")  # + 0.0: no "-0"
    return rf"{digits} \times 10^{{{int(exponent)}}}" if exponent else digits


def factor(value: float) -> str:
    """A number as it stands after a sign: in brackets when it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def name(text: str) -> str:
    r"""A layer's name as upright text: "conv_1" → "\text{conv\_1}"."""
    return rf"\text{{{text.replace('_', chr(92) + '_')}}}"


def weighted_sum(
    products: Numbers, inputs: Numbers, weights: Numbers, bias: float, value: float
) -> str:
    """The sum of a dense neuron or a convolution; its largest products are written out."""
    order = np.argsort(-np.abs(products), axis=None, kind="stable")[:TERMS]
    terms = [
        rf"{factor(x) if place else number(x)} \cdot {factor(w)}"
        for place, (x, w) in enumerate(
            zip(inputs.ravel()[order], weights.ravel()[order], strict=True)
        )
    ]
    # A line of its own, so that it fits beside the image, and nearly on a phone.
    rest = r" \\ &\quad + \cdots" if products.size > TERMS else ""
    return _lines(
        rf"z = \sum_{{i=1}}^{{{products.size}}} x_i w_i + b",
        f"{' + '.join(terms)}{rest} + {factor(bias)}",
        number(value),
    )


def largest(values: Numbers, value: float) -> str:
    """Max pooling over the values of its window that are not padding."""
    shown, dots = values, ""
    if values.size > SMALL_WINDOW:
        shown, dots = -np.sort(-values)[:TERMS], r",\ \dots"
    return rf"\max({_list(shown)}{dots}) = {number(value)}"


def mean(values: Numbers, value: float) -> str:
    """Average pooling over the values of its window that are not padding."""
    total = number(float(values.sum(dtype=np.float64)))
    written = total
    if values.size <= SMALL_WINDOW:
        written = " + ".join(
            number(values[0]) if i == 0 else factor(v) for i, v in enumerate(values)
        )
    share = rf"\frac{{{written}}}{{{values.size}}}"
    return rf"\frac{{1}}{{n}} \sum_{{i=1}}^{{n}} x_i = {share} = {number(value)}"


def normalised(
    x: float,
    gamma: float,
    beta: float,
    average: float,
    variance: float,
    epsilon: float,
    value: float,
) -> str:
    """Batch normalisation with its moving statistics, as in prediction."""
    return _lines(
        r"\gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
        rf"{number(gamma)} \cdot \frac{{{number(x)} - {factor(average)}}}"
        rf"{{\sqrt{{{number(variance)} + {number(epsilon)}}}}} + {factor(beta)}",
        number(value),
    )


def activation(kind: str, z: float, value: float, leak: float = LEAK) -> str:
    r"""The value of an activation in LaTeX: "\max(0,\ z) = \max(0,\ -0.2) = 0"."""
    known = leaky_relu(leak) if kind == "leaky_relu" else ACTIVATIONS[kind]
    if known.worked is None or (known.identity_above and z > 0):
        return f"z = {number(value)}"
    written = known.worked_above if known.worked_above and z > 0 else known.worked
    symbols = written.format(z="z", bracketed="z")
    numbers = written.format(z=number(z), bracketed=factor(z))
    return f"{symbols} = {numbers} = {number(value)}"


def unchanged(value: float) -> str:
    """A layer that passes a value on as it is."""
    return f"x = {number(value)}"


def rescaled(x: float, scale: float, offset: float, value: float) -> str:
    """A number times a factor, plus another."""
    return (
        rf"{number(scale)} \cdot x + {factor(offset)} = "
        rf"{number(scale)} \cdot {factor(x)} + {factor(offset)} = {number(value)}"
    )


def over_length(x: float, length: float, value: float) -> str:
    """A number of a column, divided by the column's length."""
    return (
        rf"\frac{{x}}{{\sqrt{{\sum_i x_i^2}}}} = \frac{{{number(x)}}}{{{number(length)}}}"
        rf" = {number(value)}"
    )


def softmax(logits: Numbers, index: int, value: float) -> str:
    """One probability; the largest terms below the line are written out."""
    order = np.argsort(-logits, kind="stable")[:TERMS]
    below = " + ".join(f"e^{{{number(logit)}}}" for logit in logits[order])
    more = r" + \cdots" if len(logits) > TERMS else ""
    return _lines(
        rf"p_{{{index}}} = \frac{{e^{{z_{{{index}}}}}}}{{\sum_j e^{{z_j}}}}",
        rf"\frac{{e^{{{number(logits[index])}}}}}{{{below}{more}}}",
        number(value),
    )


def derivative(above: str, below: str, symbols: str, value: float, product: float) -> str:
    r"""One factor of the chain rule, and the product so far: "∂above/∂below = w = 0.2"."""
    meaning = f" = {symbols}" if symbols else ""
    return (
        rf"\frac{{\partial\,{above}}}{{\partial\,{below}}}{meaning} = {number(value)}"
        rf" \qquad \text{{product so far: }} {number(product)}"
    )


def _list(values: Iterable[float]) -> str:
    return r",\ ".join(number(value) for value in values)


def _lines(*steps: str) -> str:
    first, *rest = steps
    head, equals, tail = first.partition(" = ")
    start = f"{head} &= {tail}" if equals else f"& {first}"
    return (
        r"\begin{aligned} "
        + start
        + "".join(rf" \\ &= {step}" for step in rest)
        + r" \end{aligned}"
    )
