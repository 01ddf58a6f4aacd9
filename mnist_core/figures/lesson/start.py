"""Chapter 4's figures: signals on their way through ten layers, and where training starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.diagram import number
from mnist_core.figures.template import LIGHT, QUIET, lay_out, title

Floats = npt.NDArray[np.float64]

RIDGE_HEIGHT, CURVES_HEIGHT = 370, 370
BINS = 61
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")
OVERLAP = 1.6  # how many rows a full ridge is high


def signal_ridges(
    outputs: Sequence[Floats], limits: tuple[float, float], heading: str
) -> go.Figure:
    """The distributions of the outputs [n, units] of each layer, the first layer at the top.

    The rows arrive one by one with the figure's clock, a step a layer. What lies beyond `limits`
    is counted at the edge. At the right stands each layer's standard
    deviation.
    """
    low, high = limits
    margin = 0.04 * (high - low)
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    rows = len(outputs)
    notes = []
    for row, values in enumerate(outputs):
        base = rows - 1 - row
        counts = np.histogram(np.clip(values, low, high), edges)[0]
        height = OVERLAP * np.sqrt(counts / max(counts.max(), 1)) * 0.6
        spread = float(values.std())
        figure.add_scatter(
            x=[centres[0], *centres, centres[-1]],
            y=[base, *(base + height), base],
            mode="lines",
            fill="toself",
            meta={"row": row},
            line={"color": LIGHT[0], "width": 1.5},
            fillcolor="rgba(45,130,220,0.28)",
            hoveron="fills",
            hoverinfo="text",
            text=f"layer {row + 1}: how often each output occurs<br>"
            f"standard deviation {spread:.2g}",
            showlegend=False,
        )
        notes.append(
            {"x": 1.01, "xref": "paper", "xanchor": "left", "y": base + 0.28, "showarrow": False,
             "text": f"<b>{short(spread)}</b>", "font": {"size": 15}}
        )  # fmt: skip
    notes.append(
        {"x": 1.01, "xref": "paper", "xanchor": "left", "y": rows + 0.25, "showarrow": False,
         "text": "spread", "font": {"size": 14, "color": QUIET}}
    )  # fmt: skip
    lay_out(
        figure,
        height=RIDGE_HEIGHT,
        dragmode=False,
        title=title(heading),
        annotations=notes,
        xaxis={"range": [edges[0], edges[-1]], "fixedrange": True,
               "title": {"text": "output of a neuron"}},
        yaxis={"tickvals": list(range(rows)), "showgrid": True, "fixedrange": True,
               "ticktext": [str(rows - row) for row in range(rows)], "title": {"text": "layer"},
               "range": [-0.15, rows + 0.6]},
        margin={"l": 50, "r": 72, "t": 40, "b": 48},
    )  # fmt: skip
    return figure


def short(value: float) -> str:
    """A spread in a few characters: "0.71", "3·10⁻⁵", "0"."""
    if value == 0:
        return "0"
    if 0.01 <= value < 1000:
        return number(value, 2 if value < 10 else 0)
    power = int(np.floor(np.log10(value)))
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10.0**power:.0f}·10{raised}"


def start_curves(
    curves: Mapping[str, tuple[npt.NDArray[np.int32], Floats]],
    chosen: str,
    chance: float,
    grown: int,
) -> go.Figure:
    """Training loss by step of runs that differ only in their first weights.

    `curves` maps a name to steps and losses; they grow with the figure's clock and are complete at
    its step `grown`. `chance` is the loss of blind guessing. Curves far
    above that are out of the picture, unless one of them is `chosen`: then the axis is a
    logarithm.
    """
    far = float(curves[chosen][1].max()) > 3 * chance
    figure = go.Figure()
    for place, (name, (steps, loss)) in enumerate(curves.items()):
        here = name == chosen
        figure.add_scatter(
            x=steps,
            y=np.round(loss, 4),
            name=name,
            mode="lines",
            meta={"grows": (len(steps) - 1) / grown},
            line={
                "color": LIGHT[place % len(LIGHT)],
                "width": 4.5 if here else 2,
                "dash": "solid" if here else DASHES[place % len(DASHES)],
            },
            hovertemplate="step %{x}: %{y:.3g}<extra>" + name + "</extra>",
        )
    figure.add_hline(chance, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    figure.add_annotation(
        x=1, xref="paper", y=float(np.log10(chance)) if far else chance, xanchor="right",
        yanchor="bottom", text="guessing", showarrow=False, font={"color": QUIET, "size": 14},
    )  # fmt: skip
    log = {"type": "log", "exponentformat": "power", "dtick": 2}
    linear = {"range": [0, 1.2 * chance], "dtick": 0.5}
    lay_out(
        figure,
        height=CURVES_HEIGHT,
        dragmode=False,
        title=title("Recorded: training loss" + (" · log" if far else "")),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -0.27, "yanchor": "top", "itemclick": False},
        xaxis={"title": {"text": "step"}, "fixedrange": True},
        yaxis={"fixedrange": True, **(log if far else linear)},
        margin={"l": 54, "r": 12, "t": 40, "b": 144},
    )
    return figure
