"""Chapter 2's figures: an activation with its derivative, and what a stack of layers computes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import GROUND, LIGHT, QUIET, TEMPLATE, title

Floats = npt.NDArray[np.float64]

CURVE_HEIGHT, STACK_HEIGHT = 300, 300
TANGENT = 1.3  # half of the tangent's width


def activation_curves(
    z: Floats, value: Floats, slope: Floats, here: tuple[float, float, float]
) -> go.Figure:
    """φ and its derivative over z; `here` is a z with both, shown with its tangent."""
    at, out, steep = here
    ends = np.array([at - TANGENT, at + TANGENT])
    figure = go.Figure()
    for y, name, shade, dash in (
        (value, "φ(z)", LIGHT[0], "solid"),
        (slope, "its derivative", LIGHT[1], "dash"),
    ):
        figure.add_scatter(
            x=z, y=np.round(y, 4), name=name, mode="lines",
            line={"color": shade, "width": 3.5, "dash": dash, "simplify": False},
            hovertemplate="z = %{x:.2f}: %{y:.3f}<extra>" + name + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=ends, y=out + steep * (ends - at), mode="lines", name="tangent",
        line={"color": LIGHT[2], "width": 2}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    for mark, shade, symbol in ((out, LIGHT[0], "circle"), (steep, LIGHT[1], "diamond")):
        figure.add_scatter(
            x=[at], y=[mark], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"color": shade, "symbol": symbol, "size": 13,
                    "line": {"color": GROUND, "width": 2}},
        )  # fmt: skip
    low, high = float(min(value.min(), slope.min())), float(max(value.max(), slope.max()))
    figure.update_layout(
        **_layout(CURVE_HEIGHT),
        title=title("One neuron"),
        xaxis={"title": {"text": "z"}, "range": [z[0], z[-1]], "fixedrange": True, "dtick": 1},
        yaxis={"range": [low - 0.25, high + 0.25], "fixedrange": True},
    )
    figure.add_hline(0, line={"color": QUIET, "width": 1})
    return figure


def stack_curve(x: Floats, stack: Floats, one: Floats | None, heading: str) -> go.Figure:
    """The output of a stack of layers for x; `one` is the single layer that does the same."""
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=stack, name="the stack", mode="lines",
        line={"color": LIGHT[0], "width": 6, "simplify": False},
        hovertemplate="x = %{x:.2f}: %{y:.3f}<extra>the stack</extra>",
    )  # fmt: skip
    if one is not None:
        figure.add_scatter(
            x=x, y=one, name="one layer with the product’s weights", mode="lines",
            line={"color": LIGHT[1], "width": 2.5, "dash": "dash"},
            hovertemplate="x = %{x:.2f}: %{y:.3f}<extra>one layer</extra>",
        )  # fmt: skip
    figure.update_layout(
        **_layout(STACK_HEIGHT),
        title=title(heading),
        xaxis={"title": {"text": "input x"}, "fixedrange": True},
        yaxis={"title": {"text": "output"}, "fixedrange": True, "tickformat": ".3~g"},
    )
    return figure


def _layout(height: int) -> dict[str, object]:
    return {
        "template": TEMPLATE,
        "height": height,
        "dragmode": False,
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "margin": {"l": 58, "r": 10, "t": 62, "b": 46},
    }
