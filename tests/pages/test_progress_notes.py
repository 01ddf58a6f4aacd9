"""What the pages say about how long something takes."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import nullcontext
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


@pytest.mark.parametrize("ready", [True, False])
def test_a_wait_for_tensorflow_to_start_is_said(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    def shown(words: str, *, show_time: bool) -> nullcontext[None]:
        assert show_time
        said.append(words)
        return nullcontext()

    said: list[str] = []
    monkeypatch.setattr(progress_notes.computing, "ready", lambda: ready)
    monkeypatch.setattr(progress_notes.st, "spinner", shown)
    with progress_notes.spinner("conversion", "Converting it"):
        pass
    words = "Converting it, about 15 seconds"
    assert said == [words if ready else "TensorFlow is still starting. Converting it…"]


def test_what_waits_for_tensorflow_says_nothing_about_the_next_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_notes.computing, "ready", lambda: False)
    take(clock, "conversion", 60)
    assert progress_notes.time_left("conversion", Future()) == ", about 15 seconds left"


def test_what_was_asked_for_before_shows_no_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    @progress_notes.told("conversion", "Converting it")
    def convert(key: str, _run: object) -> str:
        if key == "wrong":
            raise ValueError(key)
        return key.upper()

    def shown(words: str, *, show_time: bool) -> nullcontext[None]:
        said.append(words)
        return nullcontext()

    said: list[str] = []
    monkeypatch.setattr(progress_notes.st, "spinner", shown)
    assert [convert(key, object()) for key in "aab"] == ["A", "A", "B"] and len(said) == 2
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            convert("wrong", None)
    assert len(said) == 4
    for key in "cdefa":  # so many others meanwhile that it may be kept no longer
        convert(key, None)
    assert len(said) == 9
    convert("e", None)
    convert("b", None)  # in the place of "d", as "e" was asked for again
    convert("e", None)
    assert len(said) == 10
    assert convert(_run=None, key="h") == "H" and convert(_run=None, key="h") == "H"
    assert len(said) == 11


@pytest.mark.parametrize("ready", [True, False])
def test_work_that_is_quick_is_told_of_while_it_waits_for_the_start(monkeypatch, ready) -> None:
    shown: list[str] = []

    def spinner(words: str, **_: object) -> nullcontext[None]:
        shown.append(words)
        return nullcontext()

    monkeypatch.setattr(progress_notes.computing, "ready", lambda: ready)
    monkeypatch.setattr(progress_notes.st, "spinner", spinner)
    with progress_notes.start_told():
        pass
    assert shown == ([] if ready else ["TensorFlow is still starting…"])
