"""The first page: what this is, a network that reads what one draws, and the chapters."""

from __future__ import annotations

import streamlit as st

from pages.views.learn import progress
from pages.views.learn.contents import ALL, CHAPTERS, Entry
from pages.views.learn.glossary import glossary

HERE = "pages/learn.py"


def home() -> None:
    """The page from top to bottom; what is drawn and read comes last, when the rest stands."""
    with st.container(key="hero"):
        words, live = st.columns([5, 7], gap="large")
    with words:
        st.title("Learn how neural networks work by training real ones")
        st.markdown(
            "A network is a stack of layers of simple **neurons**, joined by numbers, its "
            "**weights**. Training shows it images, measures how wrong its answers are, and nudges "
            "every weight a little, thousands of times. Here you do all of it yourself, in seconds."
        )
        _begin()
    contents()
    with live, st.container(key="live_digit"):
        # Imported here: the opening is on its way to the screen before that.
        from pages.views.learn.live_digit import live_digit

        live_digit()


def _begin() -> None:
    seen = progress.progress().visited
    following = next((entry for entry in CHAPTERS if entry.number not in seen), CHAPTERS[0])
    with st.container(key="begin"):
        st.page_link(
            HERE,
            label=f"**{'Resume' if seen else 'Begin'} with chapter {following.number}**",
            icon=":material/play_arrow:",
            query_params={"chapter": str(following.number)},
        )


def contents() -> None:
    """The nine chapters, with what has been seen and answered."""
    from mnist_core.figures.lesson.cards import card_picture

    seen, given = progress.progress().visited, progress.answers()
    with st.container(key="cards"):
        _heading(len(seen), len(given))
        with st.container(key="card_grid"):
            for entry in CHAPTERS:
                with st.container(border=True, gap="xxsmall", key=f"card_{entry.number}"):
                    _card(entry, entry.number in seen, entry.number in given)
                    st.html(card_picture(entry.number))


def _card(entry: Entry, seen: bool, answered: bool) -> None:
    st.page_link(
        HERE,
        label=f"**{entry.number}  {entry.title}**",
        icon=":material/check_circle:" if answered else "",
        query_params={"chapter": str(entry.number)},
    )
    state = " :small[:gray[· answered]]" if answered else " :small[:gray[· seen]]"
    st.markdown(entry.question + (state if seen or answered else ""))


def _heading(seen: int, answered: int) -> None:
    """The heading over the cards: the visitor's progress, and what else there is to the lesson."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="card_head"):
        st.header("Nine interactive chapters", anchor="lesson", width="content")
        if seen or answered:
            count = len(CHAPTERS)
            st.caption(
                f"Chapters seen: {seen} of {count} · questions answered: {answered} of {count}",
                help="This browser remembers it.",
                width="content",
            )
            st.button(
                "Start over",
                icon=":material/restart_alt:",
                type="tertiary",
                help="Forget which chapters you have seen and how you answered",
                on_click=progress.forget,
                key="forget_progress",
            )
        elif progress.was_forgotten():
            st.button(
                "Undo starting over",
                icon=":material/undo:",
                type="tertiary",
                on_click=progress.bring_back,
                key="bring_back_progress",
            )
        st.space("stretch")
        st.page_link(
            HERE,
            label="All on one page, for printing",
            icon=":material/print:",
            query_params={"chapter": ALL},
            width="content",
        )
        glossary()
