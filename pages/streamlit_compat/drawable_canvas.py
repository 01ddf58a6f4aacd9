"""Additions to streamlit-drawable-canvas 0.13 from outside.

Its component lives in the page, in an open shadow root. Of its insides these names are used: the
label of its button *Update the app with this drawing* and the classes `upper-canvas`,
`lower-canvas`, `dc-canvas`, `dc-background-canvas` and `dc-toolbar`; a test of this module and
`tests/e2e/test_draw.py` fail when a release changes them, and the first says when the script can
go. Added are:

- The drawing is sent as soon as a stroke ends, by that button. By itself the component waits for
  200 ms, which a person sees (`python -m benchmarks draw-latency`). Can go once the wait is an
  argument of `st_canvas`.
- Undo and redo by the keyboard. Its toolbar is hidden: its history ends with the page and with
  *Clear*, and its icons of 14 pixels are too small for a finger. Ours stand below the paper.
- A name for screen readers.
- The paper in its place before the component's style sheet has come: until then its background lies
  above it and takes the first stroke, which is lost.
- The eraser end of a pen. The component does not know it and draws nothing. Can go once it erases.
- A page that is loaded anew keeps its drawing (`on_restore`), as the browser remembers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_JS = Path(__file__).with_name("drawable_canvas.js").read_text(encoding="utf-8")
_KEY = "drawing_browser"


@dataclass(frozen=True)
class Eraser:
    """Colour and width of what the eraser end of a pen draws, as the canvas counts.

    `known` says how many of its strokes the session has been told of since the page was loaded.
    """

    colour: str
    width: float
    known: int


def complete(
    name: str,
    drawing: dict[str, Any],
    eraser: Eraser,
    *,
    new: bool,
    on_restore: Callable[[Any], None],
    on_erase: Callable[[Any], None],
) -> None:
    """Complete the canvas in the container with the key `canvas`; called within it.

    Both callbacks take whatever the browser sends, which may be anything.

    Args:
        name: What a screen reader says.
        drawing: What is on the canvas, for the browser to keep.
        eraser: The strokes of a pen's eraser end.
        new: Whether this session has drawn nothing yet; then `on_restore` may be called with the
            drawing that the page had before it was loaded anew.
        on_restore: Takes a drawing.
        on_erase: Takes `strokes` of the eraser end, a list of the canvas's paths; `before` says how
            many came before these. Strokes are sent again until `eraser.known` counts them.
    """

    def sent(what: str) -> Any:
        return st.session_state[_KEY].get(what)

    mount = st.components.v2.component("mnist_lab.drawable_canvas", js=_JS, isolate_styles=False)
    mount(
        key=_KEY,
        data={
            "name": name,
            "drawing": drawing,
            "isNew": new,
            "eraser": eraser.colour,
            "width": eraser.width,
            "erased": eraser.known,
        },
        on_restored_change=lambda: on_restore(sent("restored")),
        on_erased_change=lambda: on_erase(sent("erased")),
    )
