"""What the page's in-place chart needs: its JavaScript and its Plotly configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from mnist_core.figures.template import FOR_DARK

LIVE_JS: str = Path(__file__).with_name("live.js").read_text(encoding="utf-8")
"""An ES module for `st.components.v2.component`; `live_data` makes the data it takes."""

CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "scrollZoom": False,
    "doubleClick": "reset",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
"""Plotly's configuration for every chart of the app."""


def live_data(figure: go.Figure, plotly_path: str, alt: str) -> dict[str, Any]:
    """The data that LIVE_JS takes.

    `plotly_path` is Plotly.js's address relative to the app's, `alt` a sentence for people who
    cannot see the figure.
    """
    return {
        "figure": figure.to_json(validate=False),
        "config": CONFIG,
        "dark": FOR_DARK,
        "plotly": plotly_path,
        "alt": alt,
    }
