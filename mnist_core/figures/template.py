"""The one look of all figures, on a light and on a dark page.

A figure is written in the colours for a light page. The page's chart (live.js) exchanges them
for their twins on a dark page, and takes text and ground from the page's theme, so that a change
of theme needs nothing from the server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

# First, and alone: Plotly fails when another thread is in the middle of importing pandas.
import pandas  # noqa: F401
import plotly.graph_objects as go

# In this order the first five stay apart for normal sight and for each kind of colour blindness
# (tests/figures/test_figures.py measures it), and each is at least 3:1 against its ground.
LIGHT = ("#0b6fc2", "#d9600a", "#55187a", "#3fa394", "#6e4604", "#8b8f9e")
DARK = ("#4da3ff", "#ff8c3a", "#b06ca0", "#90ebde", "#f5e050", "#f0e6f6")
LIGHT_GROUND, DARK_GROUND = "#ffffff", "#12161c"

WARNING, WARNING_DARK = "#c2182f", "#ff6b7a"
QUIET, QUIET_DARK = "#687483", "#98a3b3"
# What lies behind a label that crosses a line. Not the same text as a plain white in an image.
GROUND = "#fefefe"

FOR_DARK: dict[str, str] = dict(
    zip(
        (*LIGHT, WARNING, QUIET, GROUND),
        (*DARK, WARNING_DARK, QUIET_DARK, DARK_GROUND),
        strict=True,
    )
)
"""Each colour of a figure and its twin on a dark page."""

THEME_JS: str = Path(__file__).with_name("theme.js").read_text(encoding="utf-8")
"""Goes before a script that exchanges them: it tells it whether the page is dark."""

GRID = "rgba(128,140,155,0.22)"
LINE = "rgba(128,140,155,0.55)"

# A legend in one row above the plot, at its right end.
LEGEND_ABOVE = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}

TEXT_SIZE = 15  # readable from the back of a classroom once projected

_AXIS: dict[str, Any] = {
    "gridcolor": GRID,
    "linecolor": LINE,
    "zeroline": False,
    "showline": False,
    "ticks": "",
    "ticklabelstandoff": 4,
    "tickfont": {"size": TEXT_SIZE},
    "title": {"font": {"size": TEXT_SIZE}, "standoff": 8},
    "automargin": False,  # a longer tick label must not move the plot
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"size": TEXT_SIZE, "family": "Source Sans, sans-serif"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": LIGHT,
        "margin": {"l": 62, "r": 14, "t": 48, "b": 50, "pad": 0, "autoexpand": False},
        "xaxis": {**_AXIS, "showgrid": False, "showline": True},
        "yaxis": _AXIS,
        "hoverlabel": {"align": "left", "namelength": -1, "font": {"size": TEXT_SIZE}},
        "hovermode": "closest",
        "modebar": {
            "orientation": "v",
            "bgcolor": "rgba(0,0,0,0)",
            "color": QUIET,
            "activecolor": LIGHT[0],
        },
        "title": {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yanchor": "top"},
    }
)


def lay_out(figure: go.Figure, **layout: Any) -> go.Figure:
    """The figure with this layout in the app’s look; what is already drawn on it stays.

    Plotly's own `update_layout` takes three times as long.
    """
    drawn = {
        name: figure.layout[name]
        for name in ("shapes", "annotations", "images")
        if figure.layout[name]
    }
    figure.layout = drawn | {"template": TEMPLATE} | layout
    return figure


def colour(index: int) -> str:
    """The colour of the series at `index` (from 0), again from the start after the last."""
    return LIGHT[index % len(LIGHT)]


def title(text: str) -> dict[str, Any]:
    """A figure's heading, above its plot at the left."""
    return {
        "text": f"<b>{text}</b>",
        "font": {"size": TEXT_SIZE + 2},
        "pad": {"t": 6, "l": 4},
    }


def upright_line(x: float, line: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A line at `x` over the whole height of the plot, as one of Plotly's shapes."""
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": line,
    } | more


def level_line(y: float, line: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A line at `y` over the whole width of the plot, as one of Plotly's shapes."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": y,
        "y1": y,
        "line": line,
    } | more
