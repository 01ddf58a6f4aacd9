"""Learn: the first page, and a lesson in nine chapters, each a thing to touch."""

from __future__ import annotations

import streamlit as st

from pages.streamlit_compat import entry


def show_in_address() -> None:
    """Put into the address bar where a link within this page has led, which Streamlit does not.

    Only then: the message could overtake a visitor who is on the way to another page.
    """
    query, before = st.query_params.to_dict(), st.session_state.get("lesson_address")
    if before is not None and query != before:
        st.query_params.from_dict(query)
    st.session_state.lesson_address = query


def page() -> None:
    """The opening, a chapter, or the whole lesson for printing, as the address says."""
    from pages.views.learn import progress
    from pages.views.learn.contents import ALL, CHAPTERS
    from pages.views.learn.home import home
    from pages.views.learn.lesson_pages import one_chapter, whole_lesson
    from pages.views.learn.style import style

    show_in_address()
    wanted = st.query_params.get("chapter", "")
    chapter = next((entry for entry in CHAPTERS if str(entry.number) == wanted), None)
    style()
    if wanted == ALL:
        whole_lesson()
    elif chapter is not None:
        one_chapter(chapter)
    else:
        if wanted:
            st.warning(
                f"The lesson has {len(CHAPTERS)} chapters; the address asks for another one.",
                icon=":material/menu_book:",
            )
        home()
    progress.keep()


entry.through_app()
page()
