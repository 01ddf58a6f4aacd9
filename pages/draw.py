"""Draw a digit and see, after every stroke, what a network reads in it."""

from __future__ import annotations

import streamlit as st

from pages.frame import projector, tour
from pages.session.errors import fragment
from pages.session.paper import paper
from pages.streamlit_compat import entry
from pages.views.draw.answer import answer
from pages.views.draw.networks import choose_network, is_ready
from pages.views.draw.steps import steps_off_note
from pages.views.draw.style import style
from pages.views.draw.views import views
from pages.widgets.layout import unseen_title


def page() -> None:
    """The page from top to bottom."""
    style()  # before what it places: nothing is to move once it is on the screen
    if projector.is_on():
        unseen_title("Draw a digit")
    else:
        st.title("Draw a digit")
        with st.container(key="draw_intro"):
            st.markdown(
                "Draw one digit or several in a row. The network reads them after every stroke."
            )
    _board()


@fragment
def _board() -> None:
    """The paper and what is read on it; a stroke runs only this part of the page again.

    The answer is worked out first of all, so that the digit is on the screen before anything
    else begins.
    """
    # The first network takes seconds to load: one can draw meanwhile.
    paper_first = not is_ready()
    with st.container(horizontal=True, gap="large", key="board"):
        left = st.container(width=322, gap="small", key="paper")
        if paper_first:
            with left:
                paper()
        with st.container(key="reading", gap="medium"):
            found = answer()
            steps_off_note()
            choose_network()
    if not paper_first:
        with left:
            paper()
    views(found)
    if found is not None and found.reader.choice.run is not None:
        tour.has_read()


entry.through_app("draw")
page()
