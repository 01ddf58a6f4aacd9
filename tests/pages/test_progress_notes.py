"""What the pages say about how long something takes."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from pages.widgets import progress_notes


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_notes, "time", clock)
    monkeypatch.setattr(progress_notes, "_seconds", {"conversion": 15.0})
    return clock


def take(clock: Clock, name: str, seconds: float) -> None:
    with progress_notes.measured(name):
        clock.now += seconds


def test_the_time_left_is_what_it_took_before_less_what_has_gone(clock: Clock) -> None:
    work: Future[Any] = Future()
    assert progress_notes.time_left("conversion", work) == ", about 15 seconds left"
    clock.now += 6
    assert progress_notes.time_left("conversion", work) == ", about 9 seconds left"
    clock.now += 14
    assert progress_notes.time_left("conversion", work) == ", nearly done"
    clock.now += 40
    assert progress_notes.time_left("conversion", work) == ", longer than usual: 60 seconds so far"
    take(clock, "conversion", 5)
    assert progress_notes.time_left("conversion", Future()) == ", about 10 seconds left"


def test_what_is_short_or_unknown_has_no_figure(clock: Clock) -> None:
    assert progress_notes.time_left("photo", Future()) == "…"
    take(clock, "photo", 1.5)
    assert progress_notes.time_left("photo", Future()) == "…"
    take(clock, "photo", 5.5)
    assert progress_notes.time_left("photo", Future()) == ", about 4 seconds left"


def test_what_was_kept_already_says_nothing_about_the_next_time(clock: Clock) -> None:
    take(clock, "conversion", 0.01)
    assert progress_notes.time_left("conversion", Future()) == ", about 15 seconds left"


def test_what_fails_is_not_measured(clock: Clock) -> None:
    @progress_notes.measured("conversion")
    def fail() -> None:
        clock.now += 1
        raise ValueError("no such file")

    with pytest.raises(ValueError, match="no such file"):
        fail()
    assert progress_notes.time_left("conversion", Future()) == ", about 15 seconds left"
