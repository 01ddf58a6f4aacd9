"""Chapter 9's figure: training against validation, epoch by epoch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import GROUND, LIGHT, QUIET, WARNING, lay_out, title

Floats = npt.NDArray[np.float64]

FIT_HEIGHT = 285
ROOM = 1.12  # how much higher than the largest validation loss the axis goes


def fit_curves_figure(
    training: Floats,
    validation: Floats,
    heading: str,
    *,
    shares: bool,
    best: int,
    stop: int | None,
) -> go.Figure:
    """Training and validation values [epochs]; they grow with the figure's clock, a step an epoch.

    `shares`: the values are accuracies; else losses, on an axis from 0 that the validation loss
    fills, so that its climb shows. `best` is the epoch with the lowest validation loss, `stop` the
    one at which early stopping would end; from 1.
    """
    epochs = np.arange(1, len(training) + 1)
    low, high = 0.0, ROOM * float(validation.max())
    if shares:
        low, high = max(0.0, float(min(training.min(), validation.min())) - 0.03), 1.02
    figure = go.Figure()
    _mark_epochs(figure, len(epochs), best, stop, (low, high))
    for values, name, told, shade, dash, symbol in (
        (training, "training", "on the images it trains on", LIGHT[0], "solid", "circle"),
        (validation, "validation", "on images it never trains on", LIGHT[1], "dash", "diamond"),
    ):
        figure.add_scatter(
            x=epochs, y=np.round(values, 5), name=name, mode="lines+markers",
            line={"color": shade, "width": 3, "dash": dash, "simplify": False},
            marker={"size": 8, "symbol": symbol, "line": {"color": GROUND, "width": 1}},
            meta={"grows": 1},
            hovertemplate="epoch %{x}: " + ("%{y:.1%}" if shares else "%{y:.4f}")
            + f"<br>{told}<extra>{name}</extra>",
        )  # fmt: skip
    lay_out(
        figure,
        height=FIT_HEIGHT,
        dragmode=False,
        title=title(heading),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemclick": False},
        xaxis={"title": {"text": "epoch"}, "fixedrange": True, "range": [0.5, len(epochs) + 0.5]},
        yaxis={"range": [low, high], "fixedrange": True, "tickformat": ".0%" if shares else ""},
        margin={"l": 60, "r": 12, "t": 66, "b": 48},
    )
    return figure


def _mark_epochs(
    figure: go.Figure, epochs: int, best: int, stop: int | None, limits: tuple[float, float]
) -> None:
    """Vertical lines, each with what it says, within so many epochs; they come with their epoch."""
    low, high = limits
    marks = [(best, "lowest validation loss", QUIET, "dot")]
    if stop is not None:
        marks.append((stop, "stops here", WARNING, "solid"))
    for place, (epoch, text, shade, dash) in enumerate(marks):
        top = high - 0.09 * place * (high - low)
        side = "left" if epoch > 0.6 * epochs else "right"
        figure.add_scatter(
            x=[epoch, epoch], y=[top, low], mode="lines+text", text=[f"  {text}  ", ""],
            textposition=f"bottom {side}", textfont={"color": shade, "size": 14},
            line={"color": shade, "width": 2, "dash": dash}, meta={"since": epoch - 1},
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
