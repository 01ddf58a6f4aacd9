"""Small things that several parts of the Draw page show."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.experiment.class_names import DIGITS, noun
from mnist_core.figures.live import png_address

FloatArray = npt.NDArray[np.float32]

# More digits than this are chosen from in a menu.
MOST_BUTTONS = 12


def confidence(share: float) -> str:
    """The words for how sure a network is that gives its digit this probability."""
    return f"Confidence {percent(share)}"


def percent(share: float) -> str:
    """A probability for people, who never read 100%: no network can be that sure."""
    return ">\N{NO-BREAK SPACE}99.9%" if share >= 0.9995 else f"{100 * share:.1f}%"


def ordinal(number: int) -> str:
    """The place in a row: 1st, 2nd, 3rd, 4th.

    >>> [ordinal(number) for number in (1, 12, 23)]
    ['1st', '12th', '23rd']
    """
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def which_digit(names: Sequence[str], key: str) -> int:
    """Choose one of the digits that were read, by these names; its place among them."""
    choose: dict[str, Any] = {"format_func": names.__getitem__, "key": f"{key}_of_{len(names)}"}
    if len(names) > MOST_BUTTONS:
        return st.selectbox("A closer look at", range(len(names)), width=240, **choose)
    chosen = st.segmented_control(
        "A closer look at", range(len(names)), default=0, required=True, wrap=True, **choose
    )
    return int(chosen or 0)


def in_a_row(read: Sequence[str]) -> list[str]:
    """Names for digits that stand in one row.

    >>> in_a_row(["4", "2"])
    ['4 (1st)', '2 (2nd)']
    """
    return [f"{digit} ({ordinal(place)})" for place, digit in enumerate(read, 1)]


def image_address(ink: FloatArray) -> str:
    """An image in [0, 1] as a data address, white on black as MNIST is shown."""
    return png_address(np.round(ink * 255).astype(np.uint8))


def small_image(ink: FloatArray, alt: str, caption: str = "", side: int = 112) -> str:
    """A figure (HTML) of an image; `alt` and `caption` are this app's own words, not a person's."""
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return (
        f'<figure class="small" style="--side:{side}px"><img src="{image_address(ink)}" '
        f'alt="{alt}">{below}</figure>'
    )


def gallery(figures: Iterable[str]) -> str:
    """Small images side by side (HTML), in as many rows as the page's width needs."""
    return f'<div class="gallery">{"".join(figures)}</div>'


def bars(probabilities: FloatArray, names: Sequence[str] = DIGITS) -> str:
    """The ten probabilities as bars (an HTML table: on screen at once, with nothing to load).

    `names` are those of the classes; of more than ten the likeliest are shown.
    """
    best = int(probabilities.argmax())
    shown = np.sort(np.argsort(-probabilities, kind="stable")[:10]).tolist()
    rows = "".join(
        f'<tr class="{"best" if digit == best else "other"}">'
        f'<th scope="row">{html.escape(names[digit])}</th>'
        f'<td><div style="width:{max(100 * share, 0.5):.1f}%"></div></td>'
        f"<td>{percent(share)}</td></tr>"
        for digit, share in ((digit, float(probabilities[digit])) for digit in shown)
    )
    named = "ten named" if any(len(name) > 2 for name in names) else "ten"
    return f'<table class="{named}" aria-label="Probability of each {noun(names)}">{rows}</table>'
