"""Groups of small images, drawn crisply, with values on hover and clicks that are reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from mnist_core.figures.pixels import PIXELS_CSS, PIXELS_JS, Connection, Group, pixels_data


@dataclass(frozen=True)
class Click:
    """A press on a pixel, or on a group's title (`image` is -1 then)."""

    group: str
    image: int
    row: int
    column: int


def pixel_view(
    groups: Sequence[Group],
    key: str,
    alt: str,
    on_click: Callable[[Click], None] | None = None,
    *,
    strip: bool = False,
    height: int = 560,
    shares: tuple[int, ...] = (),
    connection: Connection | None = None,
) -> None:
    """Show the groups, or update what `key` already shows; `alt` says what they show.

    The other arguments are those of `pixels_data`.

    `on_click` is called before the next run of the page (or the fragment) that holds the view.
    """
    mount = st.components.v2.component(
        "mnist_lab.pixel_view",
        html='<div class="view" role="group"></div>',
        css=PIXELS_CSS,
        js=PIXELS_JS,
    )

    def clicked() -> None:
        found = st.session_state[key].get("clicked")
        if on_click and found:
            on_click(Click(found["group"], found["image"], found["row"], found["column"]))

    mount(
        key=key,
        data=pixels_data(
            groups, alt, strip=strip, height=height, shares=shares, connection=connection
        ),
        on_clicked_change=clicked,
    )
