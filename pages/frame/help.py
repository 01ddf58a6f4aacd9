"""The "?" of each page: the three things that people ask about it, with short answers."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.session import sign_in

ANSWERS: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        (
            "Where do I begin?",
            "With **Train a network**: it takes ten seconds. Then chapter 1; each chapter is about "
            "five minutes long and can be read by itself.",
        ),
        (
            "What do I do with a figure?",
            "Move its sliders and press what is in it. **Try this** names one thing worth seeing.",
        ),
        (
            "Is my progress kept?",
            "Yes, in this browser: chapters seen and questions answered. There is no account.",
        ),
    ),
    "train": (
        (
            "What do loss and accuracy say?",
            "The **loss** is how wrong the network is: training makes it smaller. The **accuracy** "
            "is the share of images that it reads right.",
        ),
        (
            "Why are there two curves?",
            "**Training**: images it learns from. **Validation**: images kept back. When only the "
            "training curve gets better, it learns its images by heart.",
        ),
        (
            "How do I make it better?",
            "Choose another network above, or change its layers and its training, and start again. "
            "*Compare with* lays the old curve over the new one.",
        ),
    ),
    "inspect": (
        (
            "What do the colours mean?",
            "Blue is above zero, orange below; the stronger the colour, the larger the value. "
            "Point at a pixel to see its value and where it comes from; click it to see its "
            "arithmetic.",
        ),
        (
            "What is a checkpoint?",
            "A copy of the weights, kept from time to time during training. Move the slider, or "
            "click *Play*, to see them change.",
        ),
        (
            "Can I look at my own digit?",
            "Yes: choose *My drawing* and draw it. A drawing made on *Draw* is there.",
        ),
    ),
    "draw": (
        (
            "Why is my digit read wrong?",
            "Draw it large, in one go, and only one. If it is still wrong, *Why?* shows what the "
            "network looked at, and *Teach it* lets it learn from you.",
        ),
        (
            "Which network reads it?",
            "The one in the menu: your newest run, or the model that comes with the app while you "
            "have none.",
        ),
        (
            "What are the percentages?",
            "How the network shares its confidence out among the classes; they add up to 100%. It "
            "has to choose one, also for what is none.",
        ),
    ),
    "explore": (
        (
            "How do I compare runs?",
            "Tick two or more in the table: their curves and all settings that differ come up "
            "below it.",
        ),
        (
            "What is a study?",
            "One setting or two changed on purpose, each value trained with several seeds, and a "
            "sentence that says whether it mattered. Or a search over many settings.",
        ),
        (
            "How do I keep a run?",
            "*Files* saves it as one file, with its curves and weights, and opens it again, also "
            "on another computer. Deleted by mistake? *Undo* is above the table.",
        ),
    ),
}
"""For each page (by its path), three questions and their answers in Markdown."""


def help_popover(page: str, again: Callable[[], None]) -> None:
    """The questions of the page at this path; `again` is called to show the tour once more."""
    with st.popover("Help", icon=":material/help:", type="tertiary", key="help"):
        for question, answer in ANSWERS.get(page, ()):
            st.markdown(f"**{question}**  \n{answer}")
        st.button("Show the tour", icon=":material/tour:", key="tour_again", on_click=again)
        sign_in.sign_out_button()
