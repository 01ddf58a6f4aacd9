"""Chapter 6's figures: three shares and their loss, and the chain rule on a small network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.diagram import between, edge, node, number, plate, pulse, since, svg, words
from mnist_core.figures.template import LIGHT, QUIET, lay_out
from mnist_core.figures.tips import tip

Floats = npt.NDArray[np.float64]

SHARES_HEIGHT = 190
OUTPUTS = {"o1": "a 1", "o2": "no 1"}
# The clock's steps at which values come to a layer, and gradients come back to it.
FORTH_AND_BACK = {"x": (0, None), "h": (1, 4), "o": (2, 3)}
LAST_STEP = 5  # of the clock: gradients are back at the first weights
KINDS = {"x": "Pixel", "h": "Hidden neuron", "o": "Output"}
MADE = {"x": ", its brightness", "h": ", the sigmoid of its sum", "o": ", a probability by softmax"}
NODES = {
    "x1": (42.0, 86.0), "x2": (42.0, 246.0),
    "h1": (218.0, 86.0), "h2": (218.0, 246.0),
    "o1": (400.0, 86.0), "o2": (400.0, 246.0),
}  # fmt: skip
EDGES = tuple(
    (start, end)
    for left, right in (("x", "h"), ("h", "o"))
    for start in (f"{left}1", f"{left}2")
    for end in (f"{right}1", f"{right}2")
)


def share_bars(shares: Floats, label: int) -> go.Figure:
    """Softmax shares [n] as bars; that of the right class stands out."""
    shades = [LIGHT[0] if place == label else QUIET for place in range(len(shares))]
    names = [
        f"class {place + 1}" + (" (right)" if place == label else "")
        for place in range(len(shares))
    ]
    figure = go.Figure(
        go.Bar(
            y=names,
            x=shares,
            orientation="h",
            marker={"color": shades, "line": {"width": 0}},
            text=[f"{share:.1%}" for share in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    lay_out(
        figure,
        height=SHARES_HEIGHT,
        dragmode=False,
        xaxis={"range": [0, 1.12], "tickformat": ".0%", "fixedrange": True,
               "tickvals": [0, 0.5, 1]},
        yaxis={"autorange": "reversed", "fixedrange": True, "showgrid": False},
        margin={"l": 112, "r": 16, "t": 6, "b": 34},
    )  # fmt: skip
    return figure


@dataclass(frozen=True)
class Shown:
    """The values that the drawing of the small network shows.

    `values` by node; `weights` by edge; `gradients` by node or edge, as far as they are known;
    `focus` is the node or edge in question, `onward` the parts its gradient comes from. `deltas`
    by node, known or not: how large the dots are that flow back.
    """

    values: Mapping[str, float]
    weights: Mapping[tuple[str, str], float]
    gradients: Mapping[str | tuple[str, str], float]
    focus: str | tuple[str, str] | None
    onward: frozenset[str | tuple[str, str]]
    deltas: Mapping[str | tuple[str, str], float]


def backward_drawing(shown: Shown) -> str:
    """Two inputs, two hidden neurons, two outputs; forward values above, gradients below.

    With its clock, dots flow forward (to step 2) and back (from step 3 to LAST_STEP).
    """
    parts = [_edge(shown, pair) for pair in EDGES]
    parts += [_edge_words(shown, pair) for pair in EDGES]
    parts += [_pulses(shown, pair) for pair in EDGES]
    parts += [_node(shown, name) for name in NODES]
    for x, text in ((42, "two pixels"), (218, "hidden"), (400, "output")):
        parts.append(words(x, 12, text, "quiet"))
    for name, text in OUTPUTS.items():
        parts.append(words(NODES[name][0] + 40, NODES[name][1], text, "quiet", "start"))
    return svg(490, 306, *parts, largest=470)


def _edge(shown: Shown, pair: tuple[str, str]) -> str:
    start, end = NODES[pair[0]], NODES[pair[1]]
    lively = shown.focus is None or shown.focus == pair or pair in shown.onward
    parts = []
    if shown.focus == pair:
        parts.append(
            f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" '
            f'stroke="{LIGHT[2]}" stroke-width="13" stroke-opacity="0.35"/>'
        )
    weight, value = shown.weights[pair], shown.values[pair[0]]
    told = f"Weight {number(weight, 1)} × {number(value)} that comes in = {number(weight * value)}"
    if (slope := shown.gradients.get(pair)) is not None:
        told += f"\n∂L/∂w = {number(slope, 3)}: {_advice(slope, 'this weight')}"
    opacity = 1 if lively else 0.4
    parts.append(edge(start, end, weight, scale=2, opacity=opacity, told=tip(told)))
    return "".join(parts)


def _pulses(shown: Shown, pair: tuple[str, str]) -> str:
    """The product that goes forward along an edge, and the one that comes back."""
    start, end = NODES[pair[0]], NODES[pair[1]]
    first = pair[0].startswith("x")
    forth = shown.values[pair[0]] * shown.weights[pair]
    back = shown.deltas[pair[1]] * shown.weights[pair]
    return pulse(start, end, 1 if first else 2, forth) + pulse(
        end, start, LAST_STEP if first else LAST_STEP - 1, back, scale=0.5, colour=LIGHT[2]
    )


def _edge_words(shown: Shown, pair: tuple[str, str]) -> str:
    start, end = NODES[pair[0]], NODES[pair[1]]
    straight = pair[0][1] == pair[1][1]
    at = between(start, end, 0.5 if straight else 0.31)
    gradient = shown.gradients.get(pair)
    high = 40 if gradient is not None else 22
    parts = [plate(at[0], at[1], 66, high)]
    up = at[1] - 9 if gradient is not None else at[1]
    parts.append(words(at[0], up, f"w = {number(shown.weights[pair], 1)}", "math"))
    if gradient is not None:
        parts.append(_gradient(at[0], at[1] + 10, gradient))
    return "".join(parts)


def _node(shown: Shown, name: str) -> str:
    x, y = NODES[name]
    ring = LIGHT[2] if name == shown.focus or name in shown.onward else QUIET
    forth, back = FORTH_AND_BACK[name[0]]
    parts = [
        node(x, y, 29, ring=ring),
        since(
            forth,
            node(x, y, 29, shown.values[name], scale=1.5, ring=ring),
            words(x, y + 1, number(shown.values[name]), "strong"),
        ),
    ]
    if back is not None:  # a gradient has arrived here, and goes on in the next step
        parts.append(
            f'<g data-since="{back}" data-until="{back + 0.9:g}" style="opacity: 0"><circle '
            f'cx="{x:g}" cy="{y:g}" r="33" fill="none" stroke="{LIGHT[2]}" stroke-width="4"/></g>'
        )
    if name == shown.focus:
        parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="35" fill="none" stroke="{LIGHT[2]}" '
            'stroke-width="5" stroke-opacity="0.5"/>'
        )
    gradient = shown.gradients.get(name)
    if gradient is not None:
        at = y - 46 if name.endswith("1") else y + 46  # away from the edges
        parts.append(_gradient(x, at, gradient, "δ"))
    told = f"{KINDS[name[0]]} {name[1]}: {number(shown.values[name])}{MADE[name[0]]}"
    if gradient is not None:
        told += f"\nδ = ∂L/∂z = {number(gradient, 3)}: {_advice(gradient, 'its sum')}"
    return f"<g {tip(told)}>{''.join(parts)}</g>"


def _advice(slope: float, what: str) -> str:
    """The advice for `what`, whose derivative this is."""
    if slope == 0:
        return f"a small change of {what} does not change the loss"
    return f"{'lowering' if slope > 0 else 'raising'} {what} lowers the loss"


def _gradient(x: float, y: float, value: float, name: str = "∂") -> str:
    text = words(x, y, f"{name} {number(value, 3)}", "gradient strong")
    return text.replace("<text", f'<text style="fill: {LIGHT[2]}"')
