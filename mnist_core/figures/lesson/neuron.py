"""Chapter 1's figures: one neuron as a drawing, and what it says at each point of the plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.diagram import between, edge, node, number, plate, svg, words
from mnist_core.figures.template import GROUND, LIGHT, lay_out

REACH = 3.0  # the plane goes from −REACH to REACH
PLANE_HEIGHT = 380

Floats = npt.NDArray[np.float64]


def neuron_drawing(
    inputs: Floats, weights: Floats, bias: float, total: float, output: float, activation: str
) -> str:
    """Two inputs, their weights, the bias, the sum and what the activation makes of it."""
    sources = [(34.0, 40.0), (34.0, 118.0), (34.0, 196.0)]
    values = [*inputs, 1.0]
    factors = [*weights, bias]
    names, labels = ("x_1", "x_2", "1"), ("w_1", "w_2", "b")
    body, bend, end = (226.0, 118.0), (342.0, 118.0), (432.0, 118.0)
    parts = []
    for source, factor in zip(sources, factors, strict=True):
        parts.append(edge(source, body, factor, scale=3))
    parts += [edge(body, bend, total, scale=6), edge(bend, (end[0] + 10, end[1]), output, scale=3)]
    for place, (source, value, factor) in enumerate(zip(sources, values, factors, strict=True)):
        parts.append(node(*source, 25, value if place < 2 else 0, scale=REACH))
        parts.append(words(source[0], source[1] + 1, number(value, 1) if place < 2 else "1"))
        if place < 2:
            parts.append(words(source[0] + 38, source[1] - 22, names[place], "math"))
        at = between(source, body, 0.5)
        parts += [plate(*at, 84, 24), words(*at, f"{labels[place]} = {number(factor, 1)}", "math")]
    parts += [
        node(*body, 36, total, scale=6),
        words(body[0], body[1] - 9, "sum", "quiet"),
        words(body[0], body[1] + 11, number(total), "strong"),
        node(*bend, 36, output, scale=3),
        words(bend[0], bend[1] - 9, activation, "quiet"),
        words(bend[0], bend[1] + 11, number(output), "strong"),
        words(body[0], body[1] + 54, "z", "math"),
        words(bend[0], bend[1] + 54, "a", "math"),
    ]
    return svg(456, 232, *parts, largest=540)


def plane(
    output: Floats,
    points: Floats,
    blue: npt.NDArray[np.bool_],
    line: tuple[Floats, Floats] | None,
    here: tuple[float, float],
    middle: float = 0.0,
) -> go.Figure:
    """The output over the plane, two groups of points, the line z = 0 and the present input.

    `output` [n, n] over a grid from −REACH to REACH, rows by x₂; `points` [m, 2]; `line` holds
    the ends' x₁ and x₂, None when there is none; `middle` is the output of the undecided.
    """
    axis = np.linspace(-REACH, REACH, len(output))
    limit = max(float(np.abs(output - middle).max()), 1e-9)
    figure = go.Figure(
        go.Heatmap(
            x=axis,
            y=axis,
            z=np.round(output, 3),
            zmin=middle - limit,
            zmax=middle + limit,
            colorscale=[[0, LIGHT[1]], [0.5, GROUND], [1, LIGHT[0]]],
            opacity=0.5,
            showscale=False,
            hovertemplate="x₁ %{x:.2f}, x₂ %{y:.2f}: a = %{z:.2f}<extra></extra>",
        )
    )
    _add_points(figure, points, blue)
    _add_line_and_input(figure, line, here)
    side = {"range": [-REACH, REACH], "dtick": 1, "showgrid": False, "fixedrange": True}
    lay_out(
        figure,
        height=PLANE_HEIGHT,
        dragmode=False,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemclick": False},
        xaxis={**side, "title": {"text": "x₁", "standoff": 4}},
        yaxis={**side, "title": {"text": "x₂"}},
        margin={"l": 46, "r": 8, "t": 34, "b": 54},
    )
    return figure


def _add_points(figure: go.Figure, points: Floats, blue: npt.NDArray[np.bool_]) -> None:
    for group, name, shade, symbol in (
        (blue, "blue", LIGHT[0], "circle"),
        (~blue, "orange", LIGHT[1], "diamond"),
    ):
        figure.add_scatter(
            x=points[group, 0], y=points[group, 1], mode="markers", name=name,
            marker={"color": shade, "symbol": symbol, "size": 10,
                    "line": {"color": GROUND, "width": 1.5}},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip


def _add_line_and_input(
    figure: go.Figure, line: tuple[Floats, Floats] | None, here: tuple[float, float]
) -> None:
    if line is not None:
        figure.add_scatter(
            x=line[0], y=line[1], mode="lines", name="z = 0",
            line={"color": LIGHT[2], "width": 4}, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=[here[0]], y=[here[1]], mode="markers", name="input",
        marker={"symbol": "x", "size": 15, "color": LIGHT[2],
                "line": {"color": GROUND, "width": 2}},
        hovertemplate="the input: x₁ %{x:.1f}, x₂ %{y:.1f}<extra></extra>",
    )  # fmt: skip
