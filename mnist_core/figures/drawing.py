"""Figures of the Draw page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.experiment.class_names import DIGITS, marks
from mnist_core.figures.template import GROUND, LIGHT, QUIET, lay_out, title

HEIGHT = 400
# A digit whose probability gets this high at some moment has a colour of its own.
NOTICED = 0.15


def learning_chart(
    steps: Sequence[int],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.float32],
    heading: str,
    names: Sequence[str] = DIGITS,
) -> go.Figure:
    """The probabilities of one image, float32 [n, classes], at n steps of a training.

    `labels` name the snapshots on hover, `names` the classes. At most five digits, those with the
    highest peaks, have colours.
    """
    peaks = probabilities.max(0)
    loud = [int(d) for d in np.argsort(-peaks)[:5] if peaks[d] >= NOTICED]
    figure = go.Figure()
    for digit in sorted(range(len(names)), key=lambda digit: digit in loud):
        known = digit in loud
        figure.add_scatter(
            x=list(steps),
            y=probabilities[:, digit],
            mode="lines+markers" if known else "lines",
            name=names[digit],
            text=list(labels),
            hovertemplate=f"<b>{names[digit]}</b>: %{{y:.1%}}<br>%{{text}}<extra></extra>",
            line={
                "color": LIGHT[loud.index(digit)] if known else QUIET,
                "width": 3 if known else 1,
            },
            marker={"size": 6},
            opacity=1 if known else 0.5,
        )
    _name_lines(figure, probabilities[-1], loud, marks(names))
    last = max(steps[-1], 1)
    figure.add_hline(1 / len(names), line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=1, xref="paper", y=1 / len(names), xanchor="right", yanchor="bottom", text="chance",
        showarrow=False, font={"color": QUIET, "size": 14},
    )  # fmt: skip
    lay_out(
        figure,
        title=title(heading),
        height=HEIGHT,
        showlegend=False,
        margin={"l": 62, "r": 36, "t": 48, "b": 62},
        yaxis={"range": [-0.03, 1.03], "tickformat": ".0%"},
        xaxis={
            "nticks": 6,
            "tickformat": ",d",
            "tickangle": 0,
            "title": {"text": "training step"},
            "range": [-0.02 * last, 1.02 * last],
        },
    )
    return figure


def _name_lines(
    figure: go.Figure, last: npt.NDArray[np.float32], loud: Sequence[int], drawn: Sequence[str]
) -> None:
    """Put the mark of each coloured line at its end."""
    for digit, height in _label_heights(last, loud):
        figure.add_annotation(
            x=1.01,
            xref="paper",
            y=height,
            text=f"<b>{drawn[digit]}</b>",
            showarrow=False,
            xanchor="left",
            font={"color": LIGHT[loud.index(digit)], "size": 19},
            bgcolor=GROUND,
        )


def _label_heights(last: npt.NDArray[np.float32], digits: Sequence[int]) -> list[tuple[int, float]]:
    """The heights of the lines' names at their ends, so that none covers another."""
    heights: list[tuple[int, float]] = []
    for digit in sorted(digits, key=lambda digit: float(last[digit])):
        least = heights[-1][1] + 0.075 if heights else 0.0
        heights.append((digit, max(float(last[digit]), least)))
    return heights


def forgetting_chart(
    steps: Sequence[int], test_shares: Sequence[float], corrections_shares: Sequence[float]
) -> go.Figure:
    """The share read right while a network is taught corrections: of these, and of test images."""
    figure = go.Figure()
    lines = (
        ("the first test images", test_shares, LIGHT[0]),
        ("your corrections", corrections_shares, LIGHT[1]),
    )
    for name, shares, colour in lines:
        figure.add_scatter(
            x=list(steps),
            y=list(shares),
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 3},
            marker={"size": 6},
            hovertemplate=f"{name}: %{{y:.1%}}<br>step %{{x}}<extra></extra>",
        )
    lay_out(
        figure,
        title=title("Read right while it was taught"),
        height=HEIGHT - 60,
        margin={"l": 62, "r": 14, "t": 84, "b": 50},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        yaxis={"range": [-0.03, 1.03], "tickformat": ".0%"},
        xaxis={"title": {"text": "step"}},
    )
    return figure


def per_digit_chart(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> go.Figure:
    """The share of test images of each digit that is read right, before and after, [10] each."""
    figure = go.Figure()
    for name, shares, colour in (("before", before, QUIET), ("after", after, LIGHT[0])):
        figure.add_bar(
            x=[str(digit) for digit in range(10)],
            y=shares,
            name=name,
            marker={"color": colour},
            hovertemplate=f"%{{x}} {name}: %{{y:.1%}}<extra></extra>",
        )
    lay_out(
        figure,
        title=title("Test images read right, digit by digit"),
        height=HEIGHT - 60,
        margin={"l": 62, "r": 14, "t": 84, "b": 36},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        barmode="group",
        bargap=0.25,
        yaxis={"range": [0, 1.03], "tickformat": ".0%"},
        xaxis={"type": "category", "fixedrange": True},
    )
    return figure
