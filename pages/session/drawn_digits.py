"""The digits of this session's drawing as 28×28 images, which all pages share."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.base.sandbox import WorkFailed
from mnist_core.drawing.drawn_digits import find_drawn
from mnist_core.drawing.not_a_digit import doubt
from mnist_core.drawing.preprocessing import Preprocessing, Steps, prepare
from mnist_core.drawing.pretrained import DefaultModelError
from mnist_core.drawing.strokes import picture
from pages.session.paper import drawing
from pages.widgets.background import loader

FloatArray = npt.NDArray[np.float32]


def digits_drawn(take_apart: bool) -> tuple[Steps, ...]:
    """The digits of the drawing on their way to 28×28, from left to right; () without ink.

    The first is shared from now on. To `take_apart` several digits needs the detector; without it
    the whole drawing is one. Raises WorkFailed where they cannot be taken apart.
    """
    found: tuple[Steps, ...] = ()
    if not drawing():
        pass
    elif take_apart:
        found = tuple(digit.steps for digit in find_drawn(picture(drawing()), switches()))
    else:
        steps = prepare(picture(drawing()), switches())
        found = () if steps.blank else (steps,)
    share(found[0] if found else None, take_apart)
    return found


def share(digit: Steps | None, taken_apart: bool) -> None:
    """Make this digit of the drawing the one that the pages share; None for no ink."""
    st.session_state.drawing_image28 = None if digit is None else digit.image28
    st.session_state.drawing_shared = (drawing(), taken_apart)


def shared_digit(take_apart: bool) -> FloatArray | None:
    """The digit that the pages share, float32 [28, 28]; None without ink.

    Drawn on since it was chosen, the drawing is looked at again and its first digit taken; also
    where it is to be taken apart and has not been. `take_apart` as in `digits_drawn`.
    """
    seen, taken_apart = st.session_state.get("drawing_shared", (None, False))
    if seen != drawing() or (take_apart and not taken_apart):
        digits_drawn(take_apart)
    found: FloatArray | None = st.session_state.get("drawing_image28")
    return found


def switches() -> Preprocessing:
    """The steps that the person has left on."""
    return Preprocessing(**dict.fromkeys(steps_off(), False))


def steps_off() -> list[str]:
    """The steps that the person has turned off, by the name of their field."""
    names = [field.name for field in fields(Preprocessing)]
    return [name for name in names if not st.session_state.get(switch_key(name), True)]


def switch_key(step: str) -> str:
    """The key of the switch that turns a step on and off."""
    return f"step_{step}"


@st.cache_resource(show_spinner=False)
def detector() -> Future[FloatArray]:
    """The detector of other drawings, loaded in the background: its first answer takes a second."""
    return loader().submit(doubt, np.zeros((1, 28, 28), np.float32))


def can_doubt() -> bool:
    """True when that is there; one that could not be loaded is tried again the next time."""
    found = detector()
    if not found.done():
        return False
    if found.exception() is None:
        return True
    detector.clear()
    return False


def doubts(images: FloatArray) -> FloatArray:
    """The probability, float32 [n], that each image is no digit; 0 where nothing can tell."""
    if can_doubt():
        with suppress(WorkFailed, DefaultModelError):
            return doubt(images)
    return np.zeros(len(images), np.float32)
