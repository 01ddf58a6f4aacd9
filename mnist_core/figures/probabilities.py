"""The ten probabilities a network gives for an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import LIGHT, TEMPLATE, TEXT_SIZE, WARNING


def probability_bars(
    probabilities: npt.ArrayLike, label: int | None = None, *, height: int = 340
) -> go.Figure:
    """Ten horizontal bars, the digit read in full colour.

    Args:
        probabilities: [10], adding up to 1.
        label: the true digit, when it is known: it is marked when the network reads another.
        height: in pixels.

    Raises:
        ValueError: when there are not ten probabilities.
    """
    shares = np.asarray(probabilities, np.float64)
    if shares.shape != (10,):
        raise ValueError(f"Expected 10 probabilities, received an array of shape {shares.shape}")
    best = int(shares.argmax())
    wrong = label is not None and label != best
    ticks = [f"<b>{digit}</b>" if digit == best else str(digit) for digit in range(10)]
    texts = [_percent(share) for share in shares]
    texts[best] = f"<b>{texts[best]}</b>"
    if wrong and label is not None:
        texts[label] += "  ← true digit"
    figure = go.Figure(
        go.Bar(
            x=shares,
            y=np.arange(10),
            orientation="h",
            text=texts,
            textposition="outside",
            cliponaxis=False,
            textfont={"size": TEXT_SIZE},
            marker={
                "color": [WARNING if wrong and d == best else LIGHT[0] for d in range(10)],
                "opacity": [1.0 if digit == best else 0.45 for digit in range(10)],
                "cornerradius": 3,
            },
            hovertemplate="digit %{y}: <b>%{x:.4%}</b><extra></extra>",
        )
    )
    return figure.update_layout(
        template=TEMPLATE,
        height=height,
        uirevision="probabilities",
        margin={"l": 30, "r": 8, "t": 6, "b": 6},
        bargap=0.25,
        dragmode=False,
        xaxis={"range": [0, 1.3], "visible": False, "fixedrange": True},
        yaxis={
            "range": [9.6, -0.6],
            "tickvals": list(range(10)),
            "ticktext": ticks,
            "tickfont": {"size": TEXT_SIZE + 2},
            "showgrid": False,
            "fixedrange": True,
        },
    )


def _percent(share: float) -> str:
    """Never "100.0 %" for what is less, nor "0.0 %" for what is more."""
    if 0.9995 <= share < 1:
        return "&gt;99.9 %"
    if 0 < share < 0.0005:
        return "&lt;0.1 %"
    return f"{share:.1%}".replace("%", " %")
