"""An SVG drawing that is updated in place."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from mnist_core.figures.diagram import DIAGRAM_CSS, DIAGRAM_JS, diagram_data


def diagram(
    svg: str,
    key: str,
    alt: str,
    on_press: Callable[[str], None] | None = None,
    clock: str | None = None,
) -> None:
    """Show the drawing, or update what `key` already shows.

    `on_press` is called with the name (`data-press`) of a pressed part, before the next run of
    the page or fragment. `clock` is the player that moves the drawing.
    """
    mount = st.components.v2.component(
        "mnist_lab.diagram", html='<div class="diagram"></div>', css=DIAGRAM_CSS, js=DIAGRAM_JS
    )

    def pressed() -> None:
        name = st.session_state[key].get("pressed")
        if on_press and name:
            on_press(name)

    data = diagram_data(svg, alt, pressable=on_press is not None, clock=clock)
    mount(key=key, data=data, on_pressed_change=pressed)
