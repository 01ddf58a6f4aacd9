"""The control that chooses or draws the digit of the whole lesson."""

from __future__ import annotations

import streamlit as st

from pages.session.lesson_digit import MINE, LessonDigit, choices, choose, lesson_digit
from pages.session.paper import STYLE as PAPER_STYLE
from pages.session.paper import drawing, paper
from pages.views.learn.contents import on_paper

KEY = "lesson_digit_choice"
NO_PAPER = "_again"


def choose_digit(place: str = "") -> LessonDigit:
    """Ten test images to choose from, and paper to draw on; the digit stays in later chapters.

    `place` tells two such controls of one chapter apart. There is one paper a page: not at the
    `place` NO_PAPER.
    """
    if on_paper():
        return lesson_digit()
    take_drawing()
    mine = st.session_state.get("lesson_digit") == MINE and bool(drawing())
    now = lesson_digit()
    key = f"{KEY}{place}"
    st.session_state[key] = now.label

    def chosen() -> None:
        if st.session_state[key] is not None:
            choose(st.session_state[key])

    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"lesson_digit{place}"
    ):
        st.segmented_control("Your digit", sorted(choices()), key=key, on_change=chosen, wrap=True)
        if place == NO_PAPER:
            return now
        label = ":material/draw: Your drawing" if mine else ":material/draw: Draw one"
        with st.popover(label, key="lesson_paper"):
            st.html(f"<style>{PAPER_STYLE}</style>")
            paper()
    return now


def take_drawing() -> None:
    """Take the drawing as the lesson's digit, when it has changed."""
    strokes = drawing()
    before = st.session_state.get("lesson_strokes", ())
    st.session_state.lesson_strokes = strokes
    if strokes != before and strokes:
        choose(MINE)
