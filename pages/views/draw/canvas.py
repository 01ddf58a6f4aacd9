"""The paper to draw on, and the drawing as this session keeps it."""

from __future__ import annotations

import streamlit as st

from mnist_core.drawing.strokes import Stroke, read_strokes
from mnist_core.figures.canvas import CANVAS_CSS, CANVAS_HTML, CANVAS_JS

BOARD = "drawing_board"


def drawing() -> tuple[Stroke, ...]:
    """The strokes of this session's drawing; it outlives the page, as widgets do not."""
    strokes: tuple[Stroke, ...] = st.session_state.get("drawing_strokes", ())
    return strokes


def put(strokes: tuple[Stroke, ...]) -> None:
    """Replace the drawing. What the browser sends of the one before no longer counts."""
    st.session_state.drawing_number = _number() + 1
    st.session_state.drawing_strokes = strokes


def canvas() -> None:
    """The paper with its tools, and the button that clears it."""
    mount = st.components.v2.component(
        "mnist_lab.canvas",
        html=CANVAS_HTML,
        css=CANVAS_CSS,
        js=CANVAS_JS,
        isolate_styles=False,
    )
    with st.container(key="canvas"):
        mount(
            key=BOARD,
            data={"number": _number(), "strokes": [stroke.as_json() for stroke in drawing()]},
            on_drawing_change=_drawn,
        )
    st.button("Clear", key="clear_canvas", icon=":material/delete:", on_click=put, args=((),))


def _number() -> int:
    """Which drawing this is: one more after each that was cleared or replaced."""
    return int(st.session_state.get("drawing_number", 0))


def _drawn() -> None:
    """Callback: a stroke has ended, or was undone."""
    sent = st.session_state[BOARD].get("drawing")
    if isinstance(sent, dict) and sent.get("number") == _number():
        st.session_state.drawing_strokes = read_strokes(sent.get("strokes"))
