"""The tour, the page's help and the undo of the layers, by Streamlit's AppTest."""

from __future__ import annotations

import copy

import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.base.paths import REPOSITORY
from mnist_core.storage.store import Store
from pages.frame.help import ANSWERS
from tests.support.runs_in_store import ended_run
from tests.support.train_page import fake_training, open_page, preset_box, press  # noqa: F401


def first_page() -> AppTest:
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60).run()
    assert not app.exception, app.exception
    return app


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key}


# From its second run on AppTest runs a page without app.py: the rest is for the browser to test.
def test_a_newcomer_is_offered_the_first_step_and_can_skip_it():
    app = first_page()
    assert {"tour_train", "tour_skip"} <= keys(app)
    app.button(key="tour_skip").click().run()
    assert app.session_state.browser_memory == {"tour": "closed"}


def test_whoever_has_runs_already_is_left_alone_until_they_ask():
    run = ended_run(Store())
    app = first_page()
    assert "tour_train" not in keys(app)
    app.button(key="tour_again").click().run()
    assert app.session_state.browser_memory == {"tour": "train"}
    assert app.session_state.tour_from == run  # that one does not count as the tour's


@pytest.mark.parametrize("page", ["", "train", "inspect", "draw", "explore"])
def test_each_page_answers_three_questions(page):
    assert len(ANSWERS[page]) == 3
    assert all(question.endswith("?") and answer for question, answer in ANSWERS[page])


def test_removed_layers_and_a_replaced_network_come_back():
    app = open_page(preset="cnn")
    before = copy.deepcopy(app.session_state.draft)
    assert "undo_layers" not in keys(app)
    press(app, "Remove layer 1")
    preset_box(app).select("deep").run()
    assert app.session_state.draft != before
    app.button(key="undo_layers").click().run()
    app.button(key="undo_layers").click().run()
    assert app.session_state.draft == before
    assert "undo_layers" not in keys(app)


def test_a_projector_shows_the_curves_without_the_editor():
    run = ended_run(Store())
    app = open_page(projector="1", run=run)
    assert not {"Layers", "Training"} & {tab.label for tab in app.tabs}
    assert "projector" not in app.query_params
    app.button(key="projector").click().run()
    assert app.session_state.browser_memory["projector"] == "off"
