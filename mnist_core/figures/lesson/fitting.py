"""Chapter 9's figure: training against validation, epoch by epoch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import GROUND, LIGHT, QUIET, WARNING, lay_out, title

Floats = npt.NDArray[np.float64]

FIT_HEIGHT = 380


def fit_curves_figure(
    training: Floats,
    validation: Floats,
    heading: str,
    *,
    shares: bool,
    shown: int,
    best: int,
    stop: int | None,
) -> go.Figure:
    """Training and validation values [epochs] up to epoch `shown`, the rest faintly.

    `shares`: the values are accuracies; else losses, on a logarithmic axis. `best` is the epoch
    with the lowest validation loss, `stop` the one at which early stopping would end; from 1.
    """
    epochs = np.arange(1, len(training) + 1)
    figure = go.Figure()
    for values, name, shade, dash, symbol in (
        (training, "training", LIGHT[0], "solid", "circle"),
        (validation, "validation", LIGHT[1], "dash", "diamond"),
    ):
        figure.add_scatter(
            x=epochs[shown - 1 :], y=np.round(values[shown - 1 :], 5), mode="lines",
            line={"color": shade, "width": 1.5, "dash": dash}, opacity=0.35,
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
        figure.add_scatter(
            x=epochs[:shown], y=np.round(values[:shown], 5), name=name, mode="lines+markers",
            line={"color": shade, "width": 3, "dash": dash},
            marker={"size": 8, "symbol": symbol, "line": {"color": GROUND, "width": 1}},
            hovertemplate="epoch %{x}: " + ("%{y:.1%}" if shares else "%{y:.4f}")
            + f"<extra>{name}</extra>",
        )  # fmt: skip
    _mark_epochs(figure, len(epochs), best, stop)
    lay_out(
        figure,
        height=FIT_HEIGHT,
        dragmode=False,
        title=title(heading),
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemclick": False},
        xaxis={"title": {"text": "epoch"}, "fixedrange": True, "range": [0.5, len(epochs) + 0.5]},
        yaxis={"tickformat": ".0%", "fixedrange": True}
        if shares
        else {"type": "log", "fixedrange": True, "dtick": 1, "exponentformat": "power"},
        margin={"l": 60, "r": 12, "t": 66, "b": 48},
    )
    return figure


def _mark_epochs(figure: go.Figure, epochs: int, best: int, stop: int | None) -> None:
    """Vertical lines, each with what it says, within so many epochs."""
    marks = [(best, "lowest validation loss", QUIET, "dot")]
    if stop is not None:
        marks.append((stop, "stops here", WARNING, "solid"))
    for place, (epoch, text, shade, dash) in enumerate(marks):
        figure.add_vline(epoch, line={"color": shade, "width": 2, "dash": dash})
        late = epoch > 0.6 * epochs
        figure.add_annotation(
            x=epoch, y=1 - 0.09 * place, yref="paper", text=text, showarrow=False,
            xanchor="right" if late else "left", font={"color": shade, "size": 14}, xshift=4,
            bgcolor=GROUND,
        )  # fmt: skip
