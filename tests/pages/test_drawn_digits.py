"""The digit of the drawing that the pages share, taken apart from the others or not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from mnist_core.drawing.stroke_history import History
from pages.session import drawn_digits, lesson_digit
from tests.support.strokes import strokes


@pytest.fixture
def parts(monkeypatch):
    """Two digits on the paper, and what the detector would make of them."""
    state = {"drawing_history": History.of(strokes(1) + strokes(7))}
    monkeypatch.setattr(st, "session_state", SessionState(state))
    found = [SimpleNamespace(image28=np.full((28, 28), share, np.float32)) for share in (0.2, 0.8)]
    seen = [SimpleNamespace(steps=steps) for steps in found]
    monkeypatch.setattr(drawn_digits, "find_drawn", lambda *_: seen)
    return found


class SessionState(dict[str, object]):
    """A session's state: its values are attributes, too."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def test_what_the_lesson_took_whole_is_taken_apart_where_that_is_possible(parts):
    whole = drawn_digits.shared_digit(take_apart=False)
    assert whole is not None and whole.max() > 0.9
    drawn = lesson_digit.LessonDigit(np.round(255 * whole).astype(np.uint8))
    st.session_state["lesson_digit"] = lesson_digit.MINE
    assert np.array_equal(lesson_digit.lesson_digit().image, drawn.image)
    assert drawn_digits.shared_digit(take_apart=True) is parts[0].image28


def test_a_digit_that_was_chosen_stays_until_something_is_drawn(parts):
    assert [steps.image28.max() for steps in drawn_digits.digits_drawn(take_apart=True)] == [
        pytest.approx(0.2),
        pytest.approx(0.8),
    ]
    drawn_digits.share(parts[1], taken_apart=True)
    for take_apart in (True, False):
        assert drawn_digits.shared_digit(take_apart) is parts[1].image28
    st.session_state["drawing_history"] = History.of(())
    assert drawn_digits.shared_digit(take_apart=True) is None
