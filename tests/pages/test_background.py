"""Work in the background: one of a kind a session, the newest, which tells how far it is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core.base.sandbox import ProcessCrashed
from mnist_core.figures.live import png_address
from mnist_core.model import augmented_copies
from pages.widgets.background import Progress, newest, newest_with_progress

WHITE = np.full((28, 28), 255, np.uint8)


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


def _train_page() -> None:
    import numpy as np
    import streamlit as st

    from mnist_core.experiment.spec import Augmentation
    from pages.editors.augmentation_preview import augmentation_preview

    augmentation_preview(np.zeros((28, 28), np.uint8), Augmentation(shift=1), 0)
    st.write("The page goes on.")


def test_a_preview_that_failed_is_a_sentence_and_is_tried_again(monkeypatch):
    answers: list[Any] = [ProcessCrashed("TensorFlow crashed in this computation."), WHITE]

    def copies(*_settings):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return np.stack([answer] * 8)

    def seen(page):
        return [element.value for element in page.caption], "".join(
            element.proto.body for element in page.get("html")
        )

    monkeypatch.setattr(augmented_copies, "augmented_copies", copies)
    page = AppTest.from_function(_train_page)
    deadline = time.monotonic() + 30
    for wanted in ("TensorFlow crashed", png_address(WHITE)):
        while wanted not in str(seen(page.run())):
            assert time.monotonic() < deadline and not page.exception
            time.sleep(0.05)
        assert page.markdown[-1].value == "The page goes on."
