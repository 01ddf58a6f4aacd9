"""One chapter with the way to all others, or the whole lesson on one long page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from pages.views.learn import progress
from pages.views.learn.contents import CHAPTERS, Entry
from pages.views.learn.glossary import glossary, terms
from pages.views.learn.home import HERE


def one_chapter(entry: Entry) -> None:
    """The strip of chapters, the chapter, and what comes before and after it."""
    progress.visit(entry.number)
    _strip(entry)
    _show(entry, onward=lambda: _neighbours(entry))


def _neighbours(entry: Entry) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", key="neighbours"):
        before, after = entry.number - 1, entry.number + 1
        if before:
            _to(CHAPTERS[before - 1], "left", ":material/arrow_back:")
        else:
            st.page_link(HERE, label="Contents", icon=":material/toc:", query_params={})
        if after <= len(CHAPTERS):
            _to(CHAPTERS[after - 1], "right", ":material/arrow_forward:")
        else:
            st.page_link("pages/draw.py", label="Now draw a digit", icon=":material/draw:")


def _strip(entry: Entry) -> None:
    """All chapters in a row; on a phone only their numbers are seen."""
    given = progress.answers()
    with st.container(key="strip", horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.page_link(HERE, label=":small[Contents]", icon=":material/toc:", query_params={})
        for other in CHAPTERS:
            state = "now" if other is entry else "done" if other.number in given else "open"
            with st.container(key=f"strip_{other.number}_{state}", width="content"):
                st.page_link(
                    HERE,
                    label=f"{other.number} :small[{other.short}]",
                    icon="",
                    query_params={"chapter": str(other.number)},
                )
        glossary()


def _to(entry: Entry, side: Literal["left", "right"], icon: str) -> None:
    st.page_link(
        HERE,
        label=f"{entry.number} {entry.title}",
        icon=icon,
        icon_position=side,
        query_params={"chapter": str(entry.number)},
    )


def whole_lesson() -> None:
    """All chapters, one after the other: for paper."""
    st.title("How neural networks work")
    with st.container(key="print_note"):
        st.info(
            "All nine chapters on one page. Wait for the last figure, then print: Ctrl+P or ⌘P.",
            icon=":material/print:",
        )
        answers = st.toggle("With the answers to the questions", value=True, key="print_answers")
        st.page_link(HERE, label="Back to the contents", icon=":material/toc:", query_params={})
    with st.container(key="whole_lesson"):
        for entry in CHAPTERS:
            _show(entry, paper="answers" if answers else "questions")
    with st.container(key="print_glossary"):
        st.header("Glossary", anchor="glossary")
        terms()


def _show(
    entry: Entry,
    *,
    paper: Literal["answers", "questions"] | None = None,
    onward: Callable[[], None] | None = None,
) -> None:
    # Imported here: the strip of chapters is on screen before that.
    from mnist_core.lesson.recordings import RecordError
    from pages.views.learn.parts import show_chapter

    try:
        chapter = entry.open()
        show_chapter(entry.number, entry.title, entry.question, chapter, paper=paper, onward=onward)
    except RecordError as error:
        st.error(str(error), icon=":material/folder_off:")
        if onward is not None:
            onward()
