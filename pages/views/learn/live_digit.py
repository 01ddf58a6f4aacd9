"""Paper beside the headline, and the lesson's small network that reads what is drawn on it."""

from __future__ import annotations

import streamlit as st

from mnist_core.figures.lesson.forward import SOFTMAX, forward_drawing
from mnist_core.lesson.recordings import RecordError
from pages.session.lesson_digit import lesson_digit
from pages.session.paper import STYLE as PAPER_STYLE
from pages.session.paper import drawing, paper
from pages.views.learn.diagram import diagram
from pages.views.learn.digit import take_drawing
from pages.views.learn.network import compute
from pages.widgets.player import player


@st.fragment
def live_digit() -> None:
    """The drawing, or a digit to begin with, on its way through the network."""
    st.html(f"<style>{PAPER_STYLE}</style>")
    sheet, network = st.columns([2, 3], gap="small")
    take_drawing()
    with sheet:
        paper(tools=False)
        if not drawing():
            with st.container(key="paper_hint"):
                st.markdown("Draw a digit")
    try:
        digit = lesson_digit()
    except RecordError as error:
        network.error(str(error), icon=":material/folder_off:")
        return
    flow = compute(digit.image)
    best = int(flow.shares.argmax())
    with network:
        diagram(
            forward_drawing(flow),
            "home_flow",
            f"{digit.name} goes through a small network, which reads a {best} with "
            f"{flow.shares[best]:.0%}.",
            clock="home",
            reachable=False,  # the way by keyboard leads to the chapters
        )
        player("home", SOFTMAX, 2.4, run=digit.image.tobytes(), label="Layer", small=True)
