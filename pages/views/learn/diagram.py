"""An SVG drawing that is updated in place."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from mnist_core.figures.diagram import DIAGRAM_CSS, DIAGRAM_JS
from mnist_core.figures.template import FOR_DARK


def diagram(
    svg: str,
    key: str,
    alt: str,
    on_press: Callable[[str], None] | None = None,
    clock: str | None = None,
) -> None:
    """Show the drawing, or update what `key` already shows; `alt` says what it shows.

    `on_press` is called with the name (`data-press`) of a pressed part, before the next run of
    the page or fragment. `clock` is the player that moves the drawing; without one it stands as
    at the end.
    """
    mount = st.components.v2.component(
        "mnist_lab.diagram", html='<div class="diagram"></div>', css=DIAGRAM_CSS, js=DIAGRAM_JS
    )

    def pressed() -> None:
        name = st.session_state[key].get("pressed")
        if on_press and name:
            on_press(name)

    mount(
        key=key,
        data={
            "svg": svg,
            "alt": alt,
            "dark": FOR_DARK,
            "pressable": on_press is not None,
            "clock": clock,
        },
        on_pressed_change=pressed,
    )
