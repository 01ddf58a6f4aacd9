"""The arithmetic of each part of the lesson's small network, in HTML: chapter 5's panels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_core.figures.diagram import number
from mnist_core.figures.lesson.forward import Flow
from mnist_core.figures.lesson.tables import TABLES_CSS, grid, rows_table, sign, tables

Floats = npt.NDArray[np.float64]

SUMS_CSS = (
    TABLES_CSS
    + """
.panels { color: var(--st-text-color); font-family: var(--st-font); line-height: 1.45; }
.panels p { margin: 0 0 0.5rem; }
.panels math { font-size: 1.15rem; margin: 0.4rem 0; }
"""
)


@dataclass(frozen=True)
class Sum:
    """The arithmetic of one part: what stands `beside` the drawing, and what `below` it."""

    beside: str
    below: str


def sums(
    flow: Flow, hidden_bias: Floats, output_bias: Floats, patch: Floats, at: tuple[int, int]
) -> dict[str, Sum]:
    """The arithmetic of "pixels", "h0", … and "o0", … of a network whose `flow` is drawn.

    `patch` are the pixels of the image, in [0, 1], whose mean is the network's input `at`.
    """
    found = {"pixels": _pixels(flow, patch, at)}
    for unit, bias in enumerate(hidden_bias):
        found[f"h{unit}"] = _hidden(flow, unit, float(bias))
    for digit, bias in enumerate(output_bias):
        found[f"o{digit}"] = _output(flow, digit, float(bias))
    return found


def _pixels(flow: Flow, patch: Floats, at: tuple[int, int]) -> Sum:
    side = f"{patch.shape[0]}×{patch.shape[1]}"
    return Sum(
        f"<p><b>The pixels.</b> Each is the mean of {side} pixels of the image, from 0 (black) to "
        "1 (white).</p>",
        tables(
            grid(patch, "the brightest patch"),
            sign("→"),
            grid(flow.pixels, "what the network sees", chosen=at),
        ),
    )


def _hidden(flow: Flow, unit: int, bias: float) -> Sum:
    weights = flow.hidden_weights[:, unit].reshape(flow.pixels.shape)
    products = flow.pixels * weights
    total, count = float(products.sum()), products.size
    z, a = (f"<msub><mi>{letter}</mi><mn>{unit}</mn></msub>" for letter in "za")
    equal = "<mo>=</mo>"
    weighted = f"{z}{equal}{_value(total)}<mo>+</mo>{_factor(bias)}{equal}{_value(total + bias)}"
    output = (
        f"{a}{equal}<mo>max</mo><mo>(</mo><mn>0</mn><mo>,</mo>{z}<mo>)</mo>{equal}"
        f"{_value(float(flow.hidden[unit]))}"
    )
    return Sum(
        f"<p><b>Hidden neuron {unit}.</b> {count} pixels times {count} weights; the products, "
        f"added up, and the bias:</p>{_math(weighted)}{_math(output)}",
        tables(
            grid(flow.pixels, "pixels", digits=1),
            sign("×"),
            grid(weights, "its weights", digits=1),
            sign("="),
            grid(products, "products", digits=1),
        ),
    )


def _output(flow: Flow, digit: int, bias: float) -> Sum:
    rows = [
        (f"hidden {unit}", (float(value), float(weight), float(value * weight)))
        for unit, (value, weight) in enumerate(
            zip(flow.hidden, flow.output_weights[:, digit], strict=True)
        )
    ]
    rows.append(("1 × bias", (1.0, bias, bias)))
    logits = [float(logit) for logit in flow.logits]
    table = rows_table(("", "output", "weight", "product"), rows, total=("logit", logits[digit]))
    powers = [math.exp(logit) for logit in logits]
    every = f"{_power(logits[0])}<mo>+</mo><mo>…</mo><mo>+</mo>{_power(logits[-1])}"
    share = (
        f"<msub><mi>p</mi><mn>{digit}</mn></msub><mo>=</mo>"
        f"<mfrac>{_power(logits[digit])}<mrow>{every}</mrow></mfrac><mo>=</mo>"
        f"<mfrac>{_value(powers[digit])}{_value(sum(powers))}</mfrac><mo>=</mo>"
        f"<mn>{flow.shares[digit]:.1%}</mn>"
    )
    return Sum(
        f"<p><b>Output {digit}.</b> {len(flow.hidden)} products and the bias make the logit:</p>"
        + tables(table),
        f"<p>Softmax makes it a probability, together with the other nine:</p>{_math(share)}",
    )


def _math(inner: str) -> str:
    return f'<math display="block">{inner}</math>'


def _power(exponent: float) -> str:
    return f"<msup><mi>e</mi>{_value(exponent)}</msup>"


def _value(value: float) -> str:
    """A number in MathML: a power of ten where it is very large or very small."""
    if value and not 0.005 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)))
        return (
            f"<mrow><mn>{number(value / 10.0**power, 1)}</mn><mo>·</mo>"
            f"<msup><mn>10</mn><mn>{str(power).replace('-', '−')}</mn></msup></mrow>"
        )
    return f"<mn>{number(value)}</mn>"


def _factor(value: float) -> str:
    return f"<mrow><mo>(</mo>{_value(value)}<mo>)</mo></mrow>" if value < 0 else _value(value)
