"""The Draw page without a browser: what it shows for a drawing that the session holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, load_default_model
from mnist_core.events import Snapshot
from mnist_core.store import Store
from tests.test_drawing import canvas

PAGE = Path(__file__).parent.parent / "pages" / "draw.py"


@pytest.fixture
def open_page():
    st.cache_resource.clear()

    def run(**state):
        test = AppTest.from_file(str(PAGE), default_timeout=60)
        test.session_state["inside_app"] = True
        for name, value in state.items():
            test.session_state[name] = value
        return test.run()

    yield run
    st.cache_resource.clear()


def drawing(digit):
    grey = canvas(digit)
    return np.dstack([grey] * 3 + [np.full_like(grey, 255)])


def texts(page):
    return [element.value for element in page.markdown]


def test_an_empty_canvas_is_an_invitation(open_page):
    page = open_page()
    assert not page.exception
    assert any("Draw a digit" in text for text in texts(page))
    assert not any(text.isdigit() for text in texts(page))


@pytest.mark.parametrize("digit", [2, 7])
def test_a_kept_drawing_is_read_by_the_default_model(open_page, digit):
    page = open_page(drawing_image=drawing(digit))
    assert not page.exception
    assert str(digit) in texts(page)
    assert "Default model · 99." in page.selectbox[0].options[0]


def test_clearing_forgets_the_drawing(open_page):
    page = open_page(drawing_image=drawing(2))
    page.button(key="clear_canvas").click().run()
    assert not page.exception
    assert "2" not in texts(page)
    assert any("Draw a digit" in text for text in texts(page))


def test_the_newest_run_with_weights_reads_first(open_page):
    from mnist_core.build import build_model

    store = Store()
    experiment = PRESETS["two-layer"]
    weights = tuple(build_model(experiment.network).get_weights())
    run = store.create_run(experiment, preset="two-layer")
    store.record(run, Snapshot(step=0, epoch=0.0, weights=weights, val_accuracy=0.1))
    store.create_run(experiment, preset="two-layer")  # newer, but without weights
    page = open_page(drawing_image=drawing(4))
    assert not page.exception
    assert len(page.selectbox[0].options) == 2
    assert page.selectbox[0].value == run
    page.selectbox[0].select("default").run()
    assert "4" in texts(page)


def test_a_network_that_cannot_be_loaded_is_a_sentence(open_page, monkeypatch, tmp_path):
    from mnist_core import default_model

    load_default_model()
    monkeypatch.setattr(default_model, "MODEL_FOLDER", tmp_path)
    page = open_page(drawing_image=drawing(4))
    assert not page.exception
    assert "is missing" in page.error[0].value
