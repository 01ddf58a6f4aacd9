"""Chapter 3's figure: how strongly a hidden neuron answers to each digit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import LIGHT, QUIET, lay_out, title

RESPONSE_HEIGHT = 170


def response_bars(means: npt.NDArray[np.float64], votes: npt.NDArray[np.float64]) -> go.Figure:
    """A neuron's mean output for each digit [10] as bars, and its weight to each output [10]."""
    best = int(np.argmax(means))
    shades = [LIGHT[0] if digit == best else QUIET for digit in range(10)]
    figure = go.Figure(
        go.Bar(
            x=[str(digit) for digit in range(10)],
            y=means,
            marker={"color": shades, "line": {"width": 0}},
            customdata=votes,
            hovertemplate="shown a %{x}: %{y:.2f} on average<br>"
            "its weight to output %{x}: %{customdata:+.2f}<extra></extra>",
        )
    )
    lay_out(
        figure,
        height=RESPONSE_HEIGHT,
        dragmode=False,
        title=title("Its output, on average, for each digit"),
        xaxis={"type": "category", "title": {"text": "digit shown"}, "fixedrange": True},
        yaxis={"rangemode": "tozero", "fixedrange": True},
        margin={"l": 44, "r": 10, "t": 40, "b": 46},
    )
    return figure
