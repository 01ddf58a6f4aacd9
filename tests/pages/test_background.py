"""Work in the background: one of a kind a session, the newest, which tells how far it is."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import streamlit as st

from pages.widgets.background import Progress, newest, newest_with_progress


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_the_same_is_worked_out_once_and_what_waits_is_given_up_for_another(pool):
    gate = threading.Event()
    running = newest("a", 1, lambda: gate.wait(30), pool)
    waiting = newest("b", 1, lambda: "never", pool)
    assert newest("b", 1, lambda: "not again", pool) is waiting
    after = newest("b", 2, lambda: "done", pool)
    gate.set()
    assert running.result(30) and waiting.cancelled() and after.result(30) == "done"


def test_work_under_way_hears_that_it_is_no_longer_wanted(pool):
    begun, gate = threading.Event(), threading.Event()

    def work(progress: Progress) -> bool:
        progress.share = 0.5
        begun.set()
        gate.wait(30)
        return progress.wanted

    first, told = newest_with_progress("layout", 1, work, pool)
    assert begun.wait(30) and told.share == 0.5
    assert newest_with_progress("layout", 1, work, pool) == (first, told)
    second, _ = newest_with_progress("layout", 2, work, pool)
    gate.set()
    assert first.result(30) is False and second.result(30) is True
