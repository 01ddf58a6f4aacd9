"""The digit that goes with a visitor through the lesson, and on to Look inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.lesson.recordings import Sample, samples
from pages.session import inspect_state

FIRST = 5  # the digit that goes along until the visitor chooses one
MINE = "mine"


@dataclass(frozen=True, eq=False)
class LessonDigit:
    """An image uint8 [28, 28] with its label; `index` is its place among the test images.

    Both are None for a drawing: nobody has told what it is.
    """

    image: npt.NDArray[np.uint8]
    label: int | None = None
    index: int | None = None

    @property
    def name(self) -> str:
        """Its name at the head of a sentence: "A 3", "Your drawing"."""
        return "Your drawing" if self.label is None else f"A {self.label}"

    @property
    def inspect_query(self) -> dict[str, str]:
        """The query of Look inside's address that opens this digit; a drawing is there anyway."""
        return {} if self.index is None else {"image": str(self.index)}


def choices() -> dict[int, Sample]:
    """The first recorded test image of each digit."""
    return {sample.label: sample for sample in reversed(samples())}


def lesson_digit() -> LessonDigit:
    """The digit that the visitor has drawn or chosen last."""
    chosen = st.session_state.get("lesson_digit", FIRST)
    if chosen == MINE and (image := _drawn()) is not None:
        return LessonDigit(image)
    sample = choices()[chosen if chosen in choices() else FIRST]
    return LessonDigit(sample.image, sample.label, sample.index)


def choose(chosen: int | str) -> None:
    """Take the test image of a digit, or the drawing (MINE); Look inside opens on it."""
    st.session_state.lesson_digit = chosen
    place = inspect_state.place()
    if chosen == MINE:
        place.source = inspect_state.DRAWING
    else:
        place.source, place.index = inspect_state.TEST, choices()[int(chosen)].index


def _drawn() -> npt.NDArray[np.uint8] | None:
    """The digit of the visitor's drawing that the pages share; None for empty paper."""
    # Imported here: scipy is not needed before there is a drawing.
    from pages.session.drawn_digits import shared_digit

    # Not taken apart: the detector would have TensorFlow loaded, without which the lesson does.
    drawn = shared_digit(take_apart=False)
    return None if drawn is None else np.round(255 * drawn).astype(np.uint8)
