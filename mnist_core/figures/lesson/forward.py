"""The small network of chapters 5 and 6: an image on its way through it, and gradients back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_core.figures.diagram import (
    POSITIVE,
    edge,
    growing,
    node,
    number,
    pulse,
    sign_colour,
    since,
    svg,
    until,
    words,
)
from mnist_core.figures.template import LIGHT, QUIET
from mnist_core.figures.tips import tip

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 448.0, 340.0
CELL = 15.0
HIDDEN_X, OUTPUT_X, BAR_X, BAR = 204.0, 312.0, 358.0, 46.0
PULSES_A_NEURON = 4  # from the pixels that count most
LEAST_PULSE = 0.06  # of the largest; smaller ones are left out
# The clock's steps: when the hidden outputs, the logits and the probabilities are there, and
# then the gradients at the logits, at the hidden neurons and at the pixels.
GROWN = 3  # the step at which the growing network is complete
HIDDEN, LOGITS, SOFTMAX, AT_LOGITS, AT_HIDDEN, AT_PIXELS = range(1, 7)


@dataclass(frozen=True, eq=False)
class Flow:
    """Everything a forward pass computed for one image, and the weights on its way.

    `pixels` [7, 7], `hidden_weights` [49, hidden], `hidden` outputs [hidden], `output_weights`
    [hidden, 10], `logits` and softmax `shares` [10].
    """

    pixels: Floats
    hidden_weights: Floats
    hidden: Floats
    output_weights: Floats
    logits: Floats
    shares: Floats


@dataclass(frozen=True, eq=False)
class Back:
    """The loss's derivatives for a right class: by `logits` [10], `hidden` sums and `pixels`."""

    label: int
    logits: Floats
    hidden: Floats
    pixels: Floats


def forward_drawing(flow: Flow, back: Back | None = None) -> str:
    """The network from pixels to shares; "pixels", "h3" or "o7" can be chosen and stand out.

    With its clock (steps HIDDEN to SOFTMAX) signals flow forward; with `back` gradients then flow
    back (to AT_PIXELS), and stand in the neurons at the end.
    """
    hidden, outputs = _heights(len(flow.hidden)), _heights(len(flow.logits))
    parts = [*_pixels(flow), *_wedges(hidden)]
    parts.append(since(LOGITS, *_edges(flow, hidden, outputs)))
    parts += _pulses_forward(flow, hidden, outputs)
    if back is not None:
        parts += [*_pixel_gradients(back), *_pulses_back(flow, back, hidden, outputs)]
    parts += _neurons("h", HIDDEN_X, 16, hidden, flow.hidden, HIDDEN,
                      None if back is None else (back.hidden, AT_HIDDEN))  # fmt: skip
    parts += _neurons("o", OUTPUT_X, 13.5, outputs, flow.logits, LOGITS,
                      None if back is None else (back.logits, AT_LOGITS))  # fmt: skip
    parts += _shares(flow, outputs)
    for x, text in ((9 + 3.5 * CELL, "7×7 pixels"), (HIDDEN_X, "hidden"), (OUTPUT_X, "logits"),
                    (BAR_X + 24, "softmax")):  # fmt: skip
        parts.append(words(x, 10, text, "quiet"))
    return svg(WIDTH, HEIGHT, f'<g style="--chosen: {LIGHT[2]}">', *parts, "</g>", largest=620)


def growth_drawing(flow: Flow, pair: Sequence[tuple[int, int]]) -> str:
    """The same network as it grows with its clock, to GROWN.

    One neuron on the pixels of `pair` (row and column), on all pixels, a layer of such neurons,
    and the outputs.
    """
    hidden, outputs = _heights(len(flow.hidden)), _heights(len(flow.logits))
    middle = len(hidden) // 2
    neurons = _neurons("h", HIDDEN_X, 16, hidden, flow.hidden, 0, None)
    wedges = _wedges(hidden)
    parts = [*_pixels(flow)]
    for place, (row, column) in enumerate(pair):
        x, y = _pixel(row, column)
        colour = LIGHT[place]
        parts.append(
            f'<rect x="{x - CELL / 2:g}" y="{y - CELL / 2:g}" width="{CELL:g}" height="{CELL:g}" '
            f'fill="none" stroke="{colour}" stroke-width="2.5"/>'
            f'<path d="M{x:g} {y:g}L{HIDDEN_X:g} {hidden[middle]:g}" stroke="{colour}" '
            'stroke-width="2"/>'
        )
    parts.append(since(GROWN, *_edges(flow, hidden, outputs)))
    parts += [since(1, wedges[middle]), neurons[middle]]
    parts.append(since(2, *(wedges[:middle] + wedges[middle + 1 :])))
    parts.append(since(2, *(neurons[:middle] + neurons[middle + 1 :])))
    parts.append(
        since(
            GROWN,
            *_neurons("o", OUTPUT_X, 13.5, outputs, flow.logits, 0, None),
            *_shares(flow, outputs),
        )
    )
    return svg(WIDTH, HEIGHT, *parts, largest=560)


def _short(value: float) -> str:
    """A number that fits into a small circle."""
    return number(value, 1 if abs(value) < 9.95 else 0)


def _tiny(value: float) -> str:
    """A gradient that fits into a small circle: ".03"."""
    return number(value, 2).replace("0.", ".")


def _heights(count: int) -> Floats:
    return 36 + (np.arange(count) + 0.5) * (HEIGHT - 40) / count


def _top() -> float:
    return 36 + (HEIGHT - 40 - CELL * 7) / 2


def _pixel(row: int, column: int) -> tuple[float, float]:
    """The middle of a pixel."""
    return 9 + CELL * (column + 0.5), _top() + CELL * (row + 0.5)


def _neurons(
    kind: str,
    x: float,
    radius: float,
    heights: Floats,
    values: Floats,
    step: int,
    gradients: tuple[Floats, int] | None,
) -> list[str]:
    """Neurons at height `heights`, with their values from `step` on, then with their gradients."""
    scale = max(float(np.abs(values).max()), 1e-9)
    name = "hidden neuron" if kind == "h" else "output"
    parts = []
    for place, (y, value) in enumerate(zip(heights, values, strict=True)):
        shown = node(x, y, radius, float(value), scale=scale) + words(
            x, y + 1, _short(float(value)), "small"
        )
        told = (_hidden_words if kind == "h" else _logit_words)(place, float(value))
        if gradients is not None:
            slopes, when = gradients
            slope, most = float(slopes[place]), max(float(np.abs(slopes).max()), 1e-9)
            told += f"\nδ = ∂L/∂z = {number(slope, 3)}: {_slope_words(slope)}"
            shown = until(when, shown) + since(
                when,
                node(x, y, radius, slope, scale=most, ring=LIGHT[2]),
                words(x, y + 1, _tiny(slope), "small strong"),
            )
        parts.append(
            f'<g data-press="{kind}{place}" data-of="{kind}{place}" aria-label="{name} {place}" '
            f"{tip(told)}>{node(x, y, radius)}{since(step, shown)}</g>"
        )
    return parts


def _hidden_words(unit: int, output: float) -> str:
    if output == 0:
        return f"Hidden neuron {unit}: output 0\nits weighted sum is negative, and ReLU makes it 0"
    named = f"Hidden neuron {unit}: output {number(output)}"
    return f"{named}\nthe weighted sum of all pixels, plus its bias"


def _logit_words(digit: int, logit: float) -> str:
    return f"Logit of {digit}: {number(logit)}\nthe hidden outputs times weights, plus a bias"


def _slope_words(slope: float) -> str:
    if slope == 0:
        return "a small change of this sum does not change the loss"
    return "the loss rises with this sum" if slope > 0 else "the loss falls as this sum rises"


def _shares(flow: Flow, outputs: Floats) -> list[str]:
    best = int(np.argmax(flow.shares))
    parts = []
    for digit, y in enumerate(outputs):
        share = float(flow.shares[digit])
        weight = "strong" if digit == best else ""
        bar = (
            f'<rect x="{BAR_X:g}" y="{y - 8:g}" width="{max(BAR * share, 1):.1f}" height="16" '
            f'rx="3" fill="{POSITIVE if digit == best else QUIET}" '
            f'fill-opacity="{1 if digit == best else 0.6}"/>'
        )
        told = f"Softmax: e^{number(float(flow.logits[digit]))} / sum of all ten = {share:.1%}"
        percent = words(BAR_X + max(BAR * share, 1) + 5, y + 1, f"{share:.0%}", weight, "start")
        parts.append(
            words(BAR_X - 18, y + 1, str(digit), weight)
            + f"<g {tip(told)}>{growing(SOFTMAX, bar)}{since(SOFTMAX, percent)}</g>"
        )
    return parts


def _pixels(flow: Flow) -> list[str]:
    side = CELL * flow.pixels.shape[1]
    cells = []
    for (row, column), ink in np.ndenumerate(flow.pixels):
        grey = round(255 * float(ink))
        cells.append(_cell(row, column, f"rgb({grey},{grey},{grey})"))
    frame = (
        f'<rect class="body" x="9" y="{_top():g}" width="{side:g}" height="{side:g}" fill="none" '
        f'stroke="{QUIET}" stroke-width="2.5"/>'
    )
    told = tip(f"{flow.pixels.size} inputs, from 0 (black) to 1 (white)")
    return [
        f'<g data-press="pixels" data-of="pixels" aria-label="the pixels" {told}>',
        *cells,
        frame,
        "</g>",
    ]


def _cell(row: int, column: int, colour: str, opacity: float = 1.0) -> str:
    return (
        f'<rect x="{9 + CELL * column:g}" y="{_top() + CELL * row:g}" width="{CELL + 0.4:g}" '
        f'height="{CELL + 0.4:g}" fill="{colour}" fill-opacity="{opacity:.2f}"/>'
    )


def _pixel_gradients(back: Back) -> list[str]:
    most = max(float(np.abs(back.pixels).max()), 1e-9)
    cells = [
        _cell(row, column, sign_colour(float(slope)), 0.85 * abs(float(slope)) / most)
        for (row, column), slope in np.ndenumerate(back.pixels)
    ]
    return [since(AT_PIXELS, *cells)]


def _wedges(hidden: Floats) -> list[str]:
    """From all pixels to each hidden neuron: their edges are too many to be drawn one by one."""
    side = CELL * 7
    right, middle = 9 + side, 36 + (HEIGHT - 40) / 2
    top, bottom = middle - side / 2, middle + side / 2
    return [
        f'<path data-of="h{place}" d="M{right:g} {top:g}L{HIDDEN_X:g} {y:g}L{right:g} {bottom:g}z" '
        f'fill="{QUIET}" fill-opacity="0.06"/>'
        for place, y in enumerate(hidden)
    ]


def _edges(flow: Flow, hidden: Floats, outputs: Floats) -> list[str]:
    """Between hidden neurons and outputs, as thick as what goes along them."""
    products = flow.hidden[:, None] * flow.output_weights
    scale = max(float(np.abs(products).max()), 1e-9)
    lines = []
    for place, y in enumerate(hidden):
        for digit, end in enumerate(outputs):
            product = float(products[place, digit])
            told = tip(
                f"Output {number(float(flow.hidden[place]))} × weight "
                f"{number(float(flow.output_weights[place, digit]))} = {number(product)}\n"
                f"{'for' if product > 0 else 'against' if product < 0 else 'nothing to'} a {digit}"
            )
            lines.append(
                edge((HIDDEN_X, float(y)), (OUTPUT_X, float(end)), product, scale=scale,
                     told=f'data-of="h{place} o{digit}" {told}')
            )  # fmt: skip
    return lines


def _pulses_forward(flow: Flow, hidden: Floats, outputs: Floats) -> list[str]:
    """Each neuron's inputs: the products of the pixels that count most, and of all outputs."""
    by_pixel = flow.pixels.reshape(-1, 1) * flow.hidden_weights
    most = max(float(np.abs(by_pixel).max()), 1e-9)
    parts = []
    for unit, y in enumerate(hidden):
        for place in np.argsort(-np.abs(by_pixel[:, unit]))[:PULSES_A_NEURON]:
            row, column = divmod(int(place), flow.pixels.shape[1])
            value = float(by_pixel[place, unit])
            if abs(value) > LEAST_PULSE * most:
                parts.append(
                    pulse(_pixel(row, column), (HIDDEN_X, float(y)), HIDDEN, value, scale=most)
                )
    products = flow.hidden[:, None] * flow.output_weights
    return parts + _pulses(products, hidden, outputs, LOGITS)


def _pulses(
    values: Floats, hidden: Floats, outputs: Floats, step: int, *, back: bool = False
) -> list[str]:
    """Along each edge between hidden neurons and outputs, `values` [hidden, outputs]."""
    most = max(float(np.abs(values).max()), 1e-9)
    parts = []
    for (unit, digit), value in np.ndenumerate(values):
        if abs(value) > LEAST_PULSE * most:
            ends = (HIDDEN_X, float(hidden[unit])), (OUTPUT_X, float(outputs[digit]))
            start, end = ends[::-1] if back else ends
            parts.append(
                pulse(start, end, step, float(value), scale=most, colour=LIGHT[2] if back else "")
            )
    return parts


def _pulses_back(flow: Flow, back: Back, hidden: Floats, outputs: Floats) -> list[str]:
    """The value that comes back along each edge: the weight times the derivative at its end."""
    parts = _pulses(flow.output_weights * back.logits, hidden, outputs, AT_HIDDEN, back=True)
    to_pixels = flow.hidden_weights * back.hidden
    most = max(float(np.abs(to_pixels).max()), 1e-9)
    for unit, y in enumerate(hidden):
        for place in np.argsort(-np.abs(to_pixels[:, unit]))[:PULSES_A_NEURON]:
            row, column = divmod(int(place), flow.pixels.shape[1])
            value = float(to_pixels[place, unit])
            if abs(value) > LEAST_PULSE * most:
                parts.append(
                    pulse((HIDDEN_X, float(y)), _pixel(row, column), AT_PIXELS, value, scale=most,
                          colour=LIGHT[2])
                )  # fmt: skip
    return parts
