"""The opening of the first page: what this is, its doors, and the lesson's contents."""

from __future__ import annotations

import streamlit as st

from pages.views.learn import progress
from pages.views.learn.contents import CHAPTERS, Entry
from pages.views.learn.glossary import glossary

HERE = "pages/learn.py"
DOORS = (
    (
        "pages/train.py",
        ":material/model_training: Train a network",
        "Choose a network or build one from layers, press one button, and watch its loss fall.",
    ),
    (
        "pages/draw.py",
        ":material/draw: Draw a digit",
        "Write with mouse, pen or finger and see what the network reads, and how sure it is.",
    ),
    (
        "pages/inspect.py",
        ":material/frame_inspect: Look inside",
        "Open a trained network: its weights, what each layer sees, what it gets wrong.",
    ),
)


def home() -> None:
    """The page from top to bottom."""
    st.title("Learn how neural networks work by training real ones")
    st.markdown(
        "A network is a stack of layers of simple **neurons**, joined by numbers, its **weights**. "
        "Training shows it images, measures how wrong its answers are, and nudges every weight a "
        "little so that they get less wrong, thousands of times. "
        "Here you do all of it yourself, in seconds."
    )
    for column, (page, label, text) in zip(st.columns(3), DOORS, strict=True):
        key = f"card_{page.removeprefix('pages/').removesuffix('.py')}"
        with column, st.container(border=True, height="stretch", gap="xsmall", key=key):
            st.page_link(page, label=f"**{label}**", query_params={})
            st.write(text)
    contents()


def contents() -> None:
    """The nine chapters, with what has been seen and answered."""
    # Imported here: the opening is on its way to the screen before that.
    from mnist_core.figures.lesson.cards import card_picture

    seen, given = progress.progress().visited, progress.answers()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    left.header("The lesson: nine things to touch", anchor="lesson")
    following = next((entry for entry in CHAPTERS if entry.number not in seen), CHAPTERS[0])
    with right, st.container(horizontal=True, horizontal_alignment="right", key="begin"):
        st.page_link(
            HERE,
            label=f"**{'Go on' if seen else 'Begin'} with chapter {following.number}**",
            icon=":material/play_arrow:",
            query_params={"chapter": str(following.number)},
        )
    for row in range(0, len(CHAPTERS), 3):
        for column, entry in zip(st.columns(3), CHAPTERS[row : row + 3], strict=True):
            key = f"card_{entry.number}"
            with column, st.container(border=True, height="stretch", gap="xsmall", key=key):
                _card(entry, entry.number in seen, entry.number in given)
                st.html(card_picture(entry.number))
    _footer(len(seen), len(given))


def _card(entry: Entry, seen: bool, answered: bool) -> None:
    st.page_link(
        HERE,
        label=f"**{entry.number}  {entry.title}**",
        icon=":material/check_circle:" if answered else "",
        query_params={"chapter": str(entry.number)},
    )
    state = "  \n:small[:gray[question answered]]" if answered else "  \n:small[:gray[seen]]"
    st.markdown(entry.question + (state if seen or answered else ""))


def _footer(seen: int, answered: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        glossary()
        st.page_link(
            HERE,
            label="The whole lesson on one page, for printing",
            icon=":material/print:",
            query_params={"chapter": "all"},
        )
        if seen or answered:
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
    if seen or answered:
        count = len(CHAPTERS)
        st.caption(
            f"Chapters seen: {seen} of {count} · questions answered: {answered} of {count}. "
            "This browser remembers it."
        )
