"""Chapter 7's figures: ways down a loss surface, and the loss along them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.live import png_address
from mnist_core.figures.template import GROUND, LIGHT, QUIET, lay_out, title
from mnist_core.lesson.numpy_net import OptimizerName

Floats = npt.NDArray[np.float64]

SURFACE_HEIGHT, LOSS_HEIGHT = 330, 330
CONTOURS, FINER = 16, 6  # how many contours, and pixels of the image a grid point
LOG_TICKS = 6
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

    A ball goes each path with the figure's clock. The contours lie at equal steps of the
    logarithm, so that the valley's floor shows as well. They are an image: Plotly would draw its
    own anew for every movement of a ball, which takes longer than a frame.
    """
    (left, right), (bottom, top) = (axes[0][[0, -1]], axes[1][[0, -1]])
    figure = go.Figure(
        go.Heatmap(  # unseen: for the mouse
            x=axes[0], y=axes[1], z=loss.astype(np.float32), opacity=0, showscale=False,
            hovertemplate=f"{parameters[0]} %{{x:.2f}}, {parameters[1]} %{{y:.2f}}: "
            "loss %{z:.3f}<extra>click to start here</extra>",
        )
    )  # fmt: skip
    figure.add_layout_image(
        source=png_address(_contours(np.log10(loss))), xref="x", yref="y", x=left, y=top,
        sizex=right - left, sizey=top - bottom, sizing="stretch", layer="below",
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


def _contours(height: Floats) -> npt.NDArray[np.uint8]:
    """The surface as an image [h, w, 4], its top row first: the lower, the bluer; and contours."""
    rows, columns = height.shape
    fine_x, fine_y = (np.linspace(0, count - 1, FINER * count) for count in (columns, rows))
    wide = np.stack([np.interp(fine_x, np.arange(columns), line) for line in height])
    fine = np.stack([np.interp(fine_y, np.arange(rows), line) for line in wide.T], axis=1)[::-1]
    share = (fine - fine.min()) / max(float(np.ptp(fine)), 1e-9)
    image = np.zeros((*fine.shape, 4), np.uint8)
    image[...] = (45, 130, 220, 0)
    image[..., 3] = np.interp(share, [0, 0.5, 1], [153, 61, 5])
    band = np.floor(share * CONTOURS)
    line = (np.diff(band, axis=0, append=band[-1:]) != 0) | (
        np.diff(band, axis=1, append=band[:, -1:]) != 0
    )
    image[line] = (104, 116, 131, 130)
    return image


def _add_paths(
    figure: go.Figure,
    paths: Mapping[OptimizerName, Floats],
    names: Mapping[OptimizerName, str],
) -> None:
    """The start that the optimisers share, the way of each, and the ball that goes it."""
    first = next(iter(paths.values()), None)
    if first is not None:
        figure.add_scatter(
            x=[first[0, 0]], y=[first[0, 1]], mode="markers+text", text=["start"],
            textposition="top center", showlegend=False, hoverinfo="skip",
            marker={"size": 15, "color": GROUND, "line": {"color": QUIET, "width": 3}},
        )  # fmt: skip
    few = max((len(path) for path in paths.values()), default=0) <= FEW_STEPS
    ways = {name: np.round(path, 4).astype(np.float32) for name, path in paths.items()}
    for name, path in ways.items():
        figure.add_scatter(
            x=path[:, 0], y=path[:, 1], name=names[name],
            mode="lines+markers", meta={"grows": 1},
            line={"color": SHADES[name], "width": 2.5, "simplify": False},
            marker={"color": SHADES[name], "size": 7 if few else 4, "symbol": SYMBOLS[name],
                    "line": {"color": GROUND, "width": 1 if few else 0}},
            text=[f"step {step}" for step in range(len(path))],
            hovertemplate="%{text}: %{x:.3f}, %{y:.3f}<extra>" + names[name] + "</extra>",
        )  # fmt: skip
    for name, path in ways.items():
        figure.add_scatter(
            x=path[:, 0], y=path[:, 1], mode="markers", meta={"ball": True}, showlegend=False,
            hoverinfo="skip",
            marker={"color": SHADES[name], "size": 17, "symbol": SYMBOLS[name],
                    "line": {"color": GROUND, "width": 2.5}},
        )  # fmt: skip


def descent_losses(
    losses: Mapping[OptimizerName, Floats], names: Mapping[OptimizerName, str], steps_per_epoch: int
) -> go.Figure:
    """The loss on all examples after each step; vertical lines end the epochs."""
    figure = go.Figure()
    longest = max((len(loss) for loss in losses.values()), default=1)
    for name, loss in losses.items():
        figure.add_scatter(
            x=np.arange(len(loss)), y=np.round(loss, 5), name=names[name],
            mode="lines", meta={"grows": 1},
            line={"color": SHADES[name], "width": 3, "dash": DASHES[name], "simplify": False},
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
        showlegend=False,
        xaxis={"title": {"text": "step"}, "fixedrange": True, "range": [0, max(longest - 1, 1)]},
        yaxis={"type": "log", "fixedrange": True, **_log_axis(losses)},
        margin={"l": 56, "r": 10, "t": 36, "b": 46},
    )  # fmt: skip
    return figure


def _log_axis(losses: Mapping[OptimizerName, Floats]) -> dict[str, Any]:
    """Range and ticks for all losses: at most LOG_TICKS or so, so that none covers another."""
    every = np.concatenate([loss[loss > 0] for loss in losses.values()] or [np.ones(1)])
    low, high = np.log10(every.min()) - 0.05, np.log10(every.max()) + 0.05
    apart = math.ceil((high - low) / LOG_TICKS)
    powers = np.arange(math.floor(low), math.ceil(high) + 1)
    digits = (1, 2, 5) if high - low < 3 else (1,)
    ticks = np.outer(10.0 ** powers[powers % apart == 0], digits).ravel()
    ticks = ticks[(np.log10(ticks) >= low) & (np.log10(ticks) <= high)]
    return {
        "range": [low, high],
        "tickvals": ticks.tolist(),
        "ticktext": [_tick(float(value)) for value in ticks],
    }


def _tick(value: float) -> str:
    return f"{value:g}" if 0.0001 <= value < 10_000 else f"10<sup>{round(math.log10(value))}</sup>"
