"""Groups of small images, drawn crisply, with values on hover and clicks that are reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from mnist_core.figures.pixels import PIXELS_CSS, PIXELS_JS, Connection, Group, Images, pixels_data


@dataclass(frozen=True)
class Click:
    """A click on a pixel, or on a group's title (`image` is -1 then).

    `unit` is what the pixel's image shows by the view's `Connection`, None without.
    """

    group: str
    image: int
    row: int
    column: int
    unit: int | None = None


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
    choice: str | None = None,
) -> None:
    """Show the groups, or update what `key` already shows; `alt` says what they show.

    With `strip` the groups stand in one row, as layers do: smaller where they would not fit;
    where even that is too wide it scrolls sideways, and its last group stays in sight. `height`
    is what one group's images should not exceed on screen, in pixels, where they can. With
    `shares`, one a group, they stand side by side and divide the width so. With a `choice` the
    pressed image is what panels of that name show (views/learn/diagram.py), without the server.

    `on_click` is called before the next run of the page (or the fragment) that holds the view.
    """
    mount = st.components.v2.component(
        "mnist_lab.pixel_view",
        html='<div class="view" role="group"></div>',
        css=PIXELS_CSS,
        js=PIXELS_JS,
    )

    def clicked() -> None:
        found = read_click(st.session_state[key].get("clicked"), groups)
        if on_click and found:
            on_click(found)

    mount(
        key=key,
        data=pixels_data(groups, connection)
        | {
            "strip": strip,
            "height": height,
            "shares": list(shares),
            "alt": alt,
            "choice": choice,
        },
        on_clicked_change=clicked,
    )


def read_click(sent: Any, groups: Sequence[Group]) -> Click | None:
    """The click that a browser sends, which may be anything; None unless these groups have it."""
    if not isinstance(sent, dict):
        return None
    group = next((one for one in groups if one.key == sent.get("group")), None)
    place = [whole(sent.get(name)) for name in ("image", "row", "column")]
    if group is None or place == [-1, 0, 0]:
        return Click(group.key, -1, 0, 0) if group and group.opens else None
    sizes = np.shape(group.values) if isinstance(group, Images) else ()
    image, row, column = place
    if len(sizes) < 3 or image is None or row is None or column is None:
        return None
    if not (0 <= image < sizes[0] and 0 <= row < sizes[1] and 0 <= column < sizes[2]):
        return None
    return Click(group.key, image, row, column, whole(sent.get("unit")))


def whole(sent: object) -> int | None:
    """A whole number that a browser sends; None for anything else."""
    return sent if type(sent) is int else None
