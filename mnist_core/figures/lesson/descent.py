"""Chapter 7's figures: ways down a loss surface, and the loss along them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import GROUND, LIGHT, QUIET, lay_out, title
from mnist_core.lesson.numpy_net import OptimizerName

Floats = npt.NDArray[np.float64]

SURFACE_HEIGHT, LOSS_HEIGHT = 400, 400
FEW_STEPS = 60  # of which each can be seen apart
SHADES: dict[OptimizerName, str] = {"sgd": LIGHT[0], "momentum": LIGHT[1], "adam": LIGHT[2]}
SYMBOLS: dict[OptimizerName, str] = {"sgd": "circle", "momentum": "diamond", "adam": "square"}
DASHES: dict[OptimizerName, str] = {"sgd": "solid", "momentum": "dash", "adam": "dot"}


def surface(
    axes: tuple[Floats, Floats],
    loss: Floats,
    paths: Mapping[OptimizerName, Floats],
    names: Mapping[OptimizerName, str],
    parameters: tuple[str, str],
) -> go.Figure:
    """Contours of `loss` [rows of q, columns of p] and each optimiser's path [steps, 2].

    The contours lie at equal steps of the logarithm, so that the valley's floor shows as well.
    """
    height = np.round(np.log10(loss), 4)
    figure = go.Figure(
        go.Heatmap(
            x=axes[0], y=axes[1], z=height, customdata=np.round(loss, 4), showscale=False,
            colorscale=[[0, "rgba(45,130,220,0.6)"], [0.5, "rgba(45,130,220,0.24)"],
                        [1, "rgba(45,130,220,0.02)"]],
            zsmooth="best",
            hovertemplate=f"{parameters[0]} %{{x:.2f}}, {parameters[1]} %{{y:.2f}}: "
            "loss %{customdata:.3f}<extra>press to start here</extra>",
        )
    )  # fmt: skip
    figure.add_contour(
        x=axes[0], y=axes[1], z=height, ncontours=16, showscale=False, showlegend=False,
        contours={"coloring": "none"}, line={"width": 1, "color": QUIET}, opacity=0.5,
        hoverinfo="skip",
    )  # fmt: skip
    _add_paths(figure, paths, names)
    lay_out(
        figure,
        height=SURFACE_HEIGHT,
        dragmode=False,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemclick": False},
        xaxis={"range": [axes[0][0], axes[0][-1]], "fixedrange": True,
               "title": {"text": parameters[0]}},
        yaxis={"range": [axes[1][0], axes[1][-1]], "fixedrange": True, "showgrid": False,
               "title": {"text": parameters[1]}},
        margin={"l": 56, "r": 10, "t": 36, "b": 48},
    )  # fmt: skip
    return figure


def _add_paths(
    figure: go.Figure,
    paths: Mapping[OptimizerName, Floats],
    names: Mapping[OptimizerName, str],
) -> None:
    """Each optimiser's way, and the start that they share."""
    few = max((len(path) for path in paths.values()), default=0) <= FEW_STEPS
    for name, path in paths.items():
        figure.add_scatter(
            x=np.round(path[:, 0], 4), y=np.round(path[:, 1], 4), name=names[name],
            mode="lines+markers",
            line={"color": SHADES[name], "width": 2.5},
            marker={"color": SHADES[name], "size": 7 if few else 4, "symbol": SYMBOLS[name],
                    "line": {"color": GROUND, "width": 1 if few else 0}},
            text=[f"step {step}" for step in range(len(path))],
            hovertemplate="%{text}: %{x:.3f}, %{y:.3f}<extra>" + names[name] + "</extra>",
        )  # fmt: skip
    first = next(iter(paths.values()), None)
    if first is not None:
        figure.add_scatter(
            x=[first[0, 0]], y=[first[0, 1]], mode="markers+text", text=["start"],
            textposition="top center", showlegend=False, hoverinfo="skip",
            marker={"size": 15, "color": GROUND, "line": {"color": QUIET, "width": 3}},
        )  # fmt: skip


def descent_losses(
    losses: Mapping[OptimizerName, Floats], names: Mapping[OptimizerName, str], steps_per_epoch: int
) -> go.Figure:
    """The loss on all examples after each step; vertical lines end the epochs."""
    figure = go.Figure()
    longest = max((len(loss) for loss in losses.values()), default=1)
    for name, loss in losses.items():
        figure.add_scatter(
            x=np.arange(len(loss)), y=np.round(loss, 5), name=names[name], mode="lines",
            line={"color": SHADES[name], "width": 3, "dash": DASHES[name]},
            hovertemplate="step %{x}: %{y:.4f}<extra>" + names[name] + "</extra>",
        )  # fmt: skip
    ends = range(steps_per_epoch, longest, steps_per_epoch)
    if len(ends) <= 40 and steps_per_epoch > 1:
        for end in ends:
            figure.add_vline(end, line={"color": QUIET, "width": 1, "dash": "dot"})
    lay_out(
        figure,
        height=LOSS_HEIGHT,
        dragmode=False,
        title=title("Loss on all examples · log"),
        xaxis={"title": {"text": "step"}, "fixedrange": True, "range": [0, max(longest - 1, 1)]},
        yaxis={"type": "log", "fixedrange": True, "dtick": "D2", "tickformat": ".2~g",
               "nticks": 5},
        margin={"l": 56, "r": 10, "t": 36, "b": 46},
    )  # fmt: skip
    return figure
