"""Play, pause and step below figures that move in the browser, without asking the server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from mnist_core.figures.player import PLAYER_CSS, PLAYER_HTML, PLAYER_JS


def player(
    clock: str,
    length: int,
    seconds: float,
    *,
    run: object,
    label: str,
    names: Sequence[str] = (),
    start: int | None = None,
    plays: bool = True,
    small: bool = False,
) -> None:
    """Show the bar of the clock `clock`, or update it; figures with that clock follow.

    It goes from step 0 to step `length` in `seconds`; `names` say what each step is, and `label`
    what the slider is for. `run` is whatever decides what is played (compared by its `repr`):
    when that changes, the player begins again, by itself if it `plays`, else at `start` (None:
    the last step). A `small` player is its first button alone.
    """
    mount = st.components.v2.component(
        "mnist_lab.player", html=PLAYER_HTML, css=PLAYER_CSS, js=PLAYER_JS
    )
    data = {
        "clock": clock,
        "length": max(length, 1),
        "seconds": seconds,
        "run": hashlib.md5(repr(run).encode(), usedforsecurity=False).hexdigest(),
        "label": label,
        "names": list(names),
        "start": start,
        "plays": plays,
        "small": small,
    }
    mount(key=f"player_{clock}", data=data)
