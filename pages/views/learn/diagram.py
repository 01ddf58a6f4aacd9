"""An SVG drawing that is updated in place, and panels for the part that is chosen in it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from mnist_core.figures.diagram import DIAGRAM_CSS, DIAGRAM_JS, PANELS_JS
from mnist_core.figures.template import FOR_DARK


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
    """Show the drawing, or update what `key` already shows; `alt` says what it shows.

    `clock` is the player that moves it; without one it stands as at the end. Under the name
    `choice` a part can be chosen, of those with `data-press`; `first` is chosen to begin with. The
    keyboard reaches the parts that explain themselves if they are `reachable`.
    """
    mount = st.components.v2.component(
        "mnist_lab.diagram", html='<div class="diagram"></div>', css=DIAGRAM_CSS, js=DIAGRAM_JS
    )
    mount(
        key=key,
        data={
            "svg": svg,
            "alt": alt,
            "dark": FOR_DARK,
            "clock": clock,
            "choice": choice,
            "first": first,
            "reachable": reachable,
        },
    )


def panels(choice: str, key: str, shown: Mapping[str, str], first: str, css: str) -> None:
    """Show the panel (HTML with the style sheet `css`) of the part chosen under this name."""
    mount = st.components.v2.component(
        "mnist_lab.panels",
        html='<div class="panels" aria-live="polite"></div>',
        css=css,
        js=PANELS_JS,
    )
    mount(key=key, data={"choice": choice, "panels": dict(shown), "first": first})
