"""Chapter 2's figures: an activation with its derivative, and what a stack of layers computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import GROUND, LIGHT, QUIET, TEMPLATE, title

Floats = npt.NDArray[np.float64]

CURVE_HEIGHT, STACK_HEIGHT = 270, 270
TANGENT = 1.3  # half of the tangent's width


def activation_curves(z: Floats, value: Floats, slope: Floats) -> go.Figure:
    """φ and its derivative over z; the clock moves a point on each, a step a value of z.

    Its frames hold the tangent at each value.
    """
    figure = go.Figure()
    for y, name, told, shade, dash in (
        (value, "φ(z)", "the output for this sum", LIGHT[0], "solid"),
        (slope, "its derivative", "a small change of z is multiplied by it", LIGHT[1], "dash"),
    ):
        figure.add_scatter(
            x=z, y=np.round(y, 4), name=name, mode="lines",
            line={"color": shade, "width": 3.5, "dash": dash, "simplify": False},
            hovertemplate="z = %{x:.2f}: %{y:.3f}<br>" + told + "<extra>" + name + "</extra>",
        )  # fmt: skip
    tangents = [
        {"x": [at - TANGENT, at + TANGENT], "y": [out - TANGENT * steep, out + TANGENT * steep]}
        for at, out, steep in zip(z.tolist(), value.tolist(), slope.tolist(), strict=True)
    ]
    figure.add_scatter(
        **tangents[-1], mode="lines", name="tangent",
        line={"color": LIGHT[2], "width": 2}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.frames = [go.Frame(data=[tangent], traces=[2]) for tangent in tangents]
    for marks, shade, symbol in ((value, LIGHT[0], "circle"), (slope, LIGHT[1], "diamond")):
        figure.add_scatter(
            x=z, y=np.round(marks, 4), mode="markers", showlegend=False, hoverinfo="skip",
            meta={"ball": True},
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


def stack_curve(x: Floats, stacks: Sequence[Floats], ones: Sequence[Floats]) -> go.Figure:
    """Outputs of stacks of 1, 2, … layers for x, one shown at a time; the clock chooses.

    `ones` are the single layers that do the same; empty where there are none.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=stacks[-1], name="the stack", mode="lines",
        line={"color": LIGHT[0], "width": 6, "simplify": False},
        hovertemplate="x = %{x:.2f}: %{y:.3f}<extra>the stack</extra>",
    )  # fmt: skip
    if ones:
        figure.add_scatter(
            x=x, y=ones[-1], name="one layer with the product’s weights", mode="lines",
            line={"color": LIGHT[1], "width": 2.5, "dash": "dash"},
            hovertemplate="x = %{x:.2f}: %{y:.3f}<extra>one layer</extra>",
        )  # fmt: skip
    curves = zip(stacks, ones, strict=True) if ones else ((stack,) for stack in stacks)
    figure.frames = [
        go.Frame(
            data=[{"x": x, "y": np.round(curve, 4)} for curve in shown],
            traces=list(range(len(shown))),
        )
        for shown in curves
    ]
    low = min(float(curve.min()) for curve in stacks)
    high = max(float(curve.max()) for curve in stacks)
    room = 0.05 * (high - low)
    figure.update_layout(
        **_layout(STACK_HEIGHT),
        title=title("A stack of layers"),
        xaxis={"title": {"text": "input x"}, "fixedrange": True},
        yaxis={
            "title": {"text": "output"},
            "fixedrange": True,
            "tickformat": ".3~g",
            "range": [low - room, high + room],
        },
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
