"""A Plotly figure that is updated in place: no flicker, and the zoom is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly
import plotly.graph_objects as go
import streamlit as st
import streamlit.components.v1 as components_v1

from mnist_core.figures.live import LIVE_JS, ImageSheet, live_data
from pages.widgets.layout import on_projector


def live_figure(
    figure: go.Figure,
    key: str,
    alt: str,
    *,
    on_click: Callable[[dict[str, Any]], None] | None = None,
    images: ImageSheet | None = None,
    grows_above: int | None = None,
    clock: str | None = None,
) -> None:
    """Show `figure` (its `layout.height` set), or update what `key` already shows.

    st.plotly_chart starts a new chart whenever the figure differs from the one before.
    `alt` says what the chart shows to people who cannot see it. `on_click` is called with the
    x, y, curve and customdata of a pressed point, before the next run of the page or fragment;
    points of `images` show theirs on hover. In a window higher than `grows_above` pixels the figure
    is higher, too. `clock` is the player (pages/widgets/player.py) that the figure follows.
    """

    def clicked() -> None:
        point = st.session_state[key].get("clicked")
        if on_click and isinstance(point, dict):
            on_click(point)

    # Plotly.js as it comes with the Python package, served by Streamlit at component/NAME/.
    # Registering again costs nothing and has to happen in a script run.
    files = Path(plotly.__file__).parent / "package_data"
    served = components_v1.declare_component("plotly_js", path=files)
    mount = st.components.v2.component(
        "mnist_lab.live_figure",
        html='<div class="live-figure"></div>',
        js=LIVE_JS,
        isolate_styles=False,
    )
    mount(
        key=key,
        # On a projector the chart grows with the page's type.
        height="content" if on_projector() or grows_above else int(figure.layout.height),
        data=live_data(figure, f"component/{served.name}/plotly.min.js", alt)
        | {
            "clickable": on_click is not None,
            "images": None if images is None else vars(images),
            "growsAbove": grows_above,
            "clock": clock,
        },
        on_clicked_change=clicked,
    )
