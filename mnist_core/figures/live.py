"""The JavaScript and Plotly configuration of charts that are updated in place."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from PIL import Image

from mnist_core.figures.shared import SHARED_JS
from mnist_core.figures.template import FOR_DARK, THEME_JS

LIVE_JS: str = (
    THEME_JS + SHARED_JS + Path(__file__).with_name("live.js").read_text(encoding="utf-8")
)
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


@dataclass(frozen=True)
class ImageSheet:
    """28×28 images on one sheet, row by row, `columns` in a row; `sheet` is a PNG data address.

    A point of a figure whose `customdata` is a place on the sheet shows that image on hover.
    """

    sheet: str
    columns: int


def image_sheet(images: npt.NDArray[np.uint8], columns: int = 50) -> ImageSheet:
    """The sheet of images uint8 [n, 28, 28]."""
    count, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width), np.uint8)
    sheet[:count] = images
    grid = sheet.reshape(rows, columns, height, width).swapaxes(1, 2)
    return ImageSheet(png_address(grid.reshape(rows * height, columns * width)), columns)


def png_address(image: npt.NDArray[np.uint8]) -> str:
    """An image uint8 [h, w] or [h, w, 3] as a data address for <img> and CSS."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def live_data(figure: go.Figure, plotly_path: str, alt: str) -> dict[str, Any]:
    """The part of the data that LIVE_JS always takes.

    `plotly_path` is Plotly.js's address relative to the app's, `alt` a sentence for people who
    cannot see the figure. A figure that follows a player has frames, or traces with one of these
    in `meta`: "grows" (so many of its points a step, up to now), "ball" (the point of now), "since"
    (all of it from that step on), "row" (passes from what it was to what it is in the step before
    that one).
    """
    return {
        "figure": figure.to_json(validate=False),
        "config": CONFIG,
        "dark": FOR_DARK,
        "plotly": plotly_path,
        "alt": alt,
    }
