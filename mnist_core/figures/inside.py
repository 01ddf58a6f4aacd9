"""Charts of a network's insides: how its weights are spread, and how large its gradients are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from mnist_core.figures.template import LEGEND_ABOVE, QUIET, colour, lay_out, title
from mnist_core.inspection.weights import Histogram

HISTOGRAM_HEIGHT, NORMS_HEIGHT = 240, 340


def weight_histogram(found: Histogram, heading: str) -> go.Figure:
    """Weights now as bars, at initialisation as a line; both as shares of all."""
    centres = (found.edges[:-1] + found.edges[1:]) / 2
    now = found.now / max(found.now.sum(), 1)
    then = found.then / max(found.then.sum(), 1)
    figure = go.Figure(
        [
            go.Bar(x=centres, y=now, name="now", marker={"color": colour(0), "line": {"width": 0}},
                   hovertemplate="around %{x:.3g}: %{y:.1%} now<extra></extra>"),
            go.Scatter(x=centres, y=then, name="at initialisation", mode="lines",
                       line={"color": colour(1), "width": 2.5, "shape": "hvh"},
                       hovertemplate="around %{x:.3g}: %{y:.1%} at first<extra></extra>"),
        ]
    )  # fmt: skip
    lay_out(
        figure,
        height=HISTOGRAM_HEIGHT,
        title=title(heading),
        bargap=0,
        showlegend=True,
        legend=LEGEND_ABOVE,
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
        margin={"t": 44, "b": 34},
    )
    return figure


@dataclass(frozen=True)
class NormSeries:
    """The size of the gradient at each layer, for one network."""

    name: str
    norms: tuple[float, ...]
    dashed: bool = False


def gradient_norms(layers: Sequence[str], series: Sequence[NormSeries]) -> go.Figure:
    """The gradient's size at each layer, on a logarithmic scale, first layer at the left."""
    figure = go.Figure()
    for index, one in enumerate(series):
        # Nothing can be said of 0 on a logarithmic scale.
        sizes = [norm if norm > 0 and np.isfinite(norm) else None for norm in one.norms]
        figure.add_scatter(
            x=list(layers),
            y=sizes,
            name=one.name,
            mode="lines+markers",
            line={
                "color": QUIET if one.dashed and index > 2 else colour(index),
                "width": 2 if one.dashed else 3,
                "dash": "dash" if one.dashed else "solid",
            },
            marker={"size": 6 if one.dashed else 8},
            hovertemplate="%{x}: %{y:.2e}<extra>" + one.name + "</extra>",
        )
    lay_out(
        figure,
        height=NORMS_HEIGHT,
        title=title("How much of the gradient reaches each layer"),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        yaxis={"type": "log", "exponentformat": "power", "dtick": 1 if _narrow(series) else None},
        xaxis={"type": "category", "tickangle": -35},
        margin={"t": 92, "b": 84},
    )
    return figure


def _narrow(series: Sequence[NormSeries]) -> bool:
    """True when the norms span few powers of ten, so that each can have its line."""
    sizes = [norm for one in series for norm in one.norms if norm > 0 and np.isfinite(norm)]
    return bool(sizes) and max(sizes) / min(sizes) < 1e9
