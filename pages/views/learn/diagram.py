"""An SVG drawing that is updated in place, and panels for the part that is chosen in it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from mnist_core.figures.diagram import (
    DIAGRAM_CSS,
    DIAGRAM_JS,
    PANELS_JS,
    diagram_data,
    panels_data,
)


def diagram(
    svg: str,
    key: str,
    alt: str,
    *,
    clock: str | None = None,
    choice: str | None = None,
    first: str = "",
    reachable: bool = True,
) -> None:
    """Show the drawing, or update what `key` already shows.

    `clock` is the player that moves it; the other arguments are those of `diagram_data`.
    """
    mount = st.components.v2.component(
        "mnist_lab.diagram", html='<div class="diagram"></div>', css=DIAGRAM_CSS, js=DIAGRAM_JS
    )
    data = diagram_data(svg, alt, clock=clock, choice=choice, first=first, reachable=reachable)
    mount(key=key, data=data)


def panels(choice: str, key: str, shown: Mapping[str, str], first: str, css: str) -> None:
    """Show the panel (HTML with the style sheet `css`) of the part chosen under this name."""
    mount = st.components.v2.component(
        "mnist_lab.panels",
        html='<div class="panels" aria-live="polite"></div>',
        css=css,
        js=PANELS_JS,
    )
    mount(key=key, data=panels_data(choice, shown, first))
