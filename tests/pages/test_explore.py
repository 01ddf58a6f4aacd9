"""Explore's table of runs, without a browser."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment
from mnist_core.base.paths import REPOSITORY
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.storage.store import Store
from mnist_core.training.events import Epoch, Started, Steps
from pages.session import services

APP = REPOSITORY / "app.py"


@pytest.fixture
def store(home):
    opened = services._store()
    yield opened
    opened.close()


def trained(store: Store, preset: str, name: str, accuracy: float = 0.9) -> str:
    run_id = store.create_run(PRESETS[preset], preset=preset)
    store.rename(run_id, name)
    store.record(run_id, Started(100, 50, 1234))
    loss = np.linspace(2, 1, 50, dtype=np.float32)
    store.record(run_id, Steps(1, loss, loss / 4, 0.01, 1, 0.5, 100))
    store.record(run_id, Epoch(1, 50, 1.0, 0.7, 0.9, accuracy, 3.0))
    store.record(run_id, Epoch(2, 100, 1.0, 0.7, 0.9, accuracy - 0.1, 3.0))
    store.set_status(run_id, "stopped")
    return run_id


def explore() -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=30)
    app.run()
    app.switch_page("pages/explore.py").run()
    assert not app.exception
    return app


def table(app: AppTest):
    return app.dataframe[0].value


def test_no_run_yet_says_what_to_do(store) -> None:
    app = explore()
    assert any("train a first network" in info.value for info in app.info)
    assert not app.dataframe


def test_the_table_shows_results_and_only_what_differs(store) -> None:
    trained(store, "two-layer", "plain")
    trained(store, "cnn", "<b>conv</b>", 0.95)
    shown = table(explore())
    assert list(shown["Name"]) == ["<b>conv</b>", "plain"]
    assert list(shown["Validation"]) == [0.95, 0.9]
    assert [len(curve) for curve in shown["Curve"]] == [2, 2]
    assert list(shown["Parameters"]) == [1234, 1234]
    assert list(shown["Layers"]) == [
        "conv 32 · pool 2×2 · conv 64 · pool 2×2 · dropout 50%",
        "dense 128",
    ]
    assert "Optimiser" not in shown and "Note" not in shown


def test_columns_hold_what_was_reached_and_numbers_that_sort(store) -> None:
    trained(store, "two-layer", "short")
    longer = Experiment.from_query("layers=flatten;dense(units:9)&epochs=30&learning_rate=0.00001")
    store.rename(store.create_run(longer), "long")
    shown = table(explore())
    assert list(shown["Epochs"]) == [0, 2] and list(shown["Epochs planned"]) == [30, 5]
    assert list(shown["Learning rate"]) == [0.00001, 0.001]
    assert shown["Learning rate"].dtype == shown["Epochs planned"].dtype == float
    assert list(shown["Layers"]) == ["dense 9", "dense 128"]
    assert list(shown)[:4] == ["Name", "Status", "Learning rate", "Validation"]


def test_the_order_of_rows_is_chosen_and_survives_another_page(store) -> None:
    trained(store, "two-layer", "middling", 0.9)
    trained(store, "cnn", "best", 0.95)
    store.rename(store.create_run(PRESETS["deep"]), "not begun")
    app = explore()
    assert list(table(app)["Name"]) == ["not begun", "best", "middling"]
    app.selectbox(key="runs_order").set_value("Validation").run()
    assert list(table(app)["Name"]) == ["best", "middling", "not begun"]
    app.text_input(key="runs_search").set_value("m").run()
    app.switch_page("pages/learn.py").run()
    app.switch_page("pages/explore.py").run()
    assert not app.exception and app.selectbox(key="runs_order").value == "Validation"
    assert app.text_input(key="runs_search").value == "m"


def test_several_chosen_runs_are_stopped_at_once(store, monkeypatch) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(VisitorEngine, "stop", lambda _self, run_id: stopped.append(run_id))
    ended = trained(store, "two-layer", "ended")
    active = [store.create_run(PRESETS["cnn"]) for _ in range(2)]
    app = explore()
    app.session_state["runs_chosen"] = [ended, *active]
    app.run()
    assert app.button(key="stop_runs").label == "Stop 2 runs"
    app.button(key="stop_runs").click().run()
    assert not app.exception and sorted(stopped) == sorted(active)


def test_trials_of_studies_can_be_left_out(store) -> None:
    trained(store, "two-layer", "mine")
    assert not [item for item in explore().button_group if item.key == "runs_kind"]
    store.rename(store.create_run(PRESETS["cnn"], study="s", trial=0), "a trial")
    app = explore()
    (kind,) = [item for item in app.button_group if item.key == "runs_kind"]
    kind.set_value("Single runs").run()
    assert list(table(app)["Name"]) == ["mine"]
    app.button_group(key="runs_kind").set_value("Study trials").run()
    assert list(table(app)["Name"]) == ["a trial"] and not app.exception


def test_a_chosen_run_is_saved_as_a_file_or_varied_in_a_study(store) -> None:
    trained(store, "cnn", "other")
    run_id = trained(store, "two-layer", "plain")
    trained(store, "deep", "newest")
    for button, check in (("save_run", "file_run"), ("study_of_run", "study_base")):
        app = explore()
        app.session_state["runs_chosen"] = [run_id]
        app.run()
        app.button(key=button).click().run()
        assert not app.exception
        assert app.selectbox(key=check).value.removeprefix("run ") == run_id
    run = store.run(run_id).experiment.training
    assert app.number_input(key="study_epochs").value == run.epochs
    assert app.number_input(key="study_images").value == run.training_images


def test_search_and_choice_survive_each_other(store) -> None:
    first, second = trained(store, "two-layer", "plain"), trained(store, "cnn", "conv")
    app = explore()
    app.session_state["runs_chosen"] = [first, second]
    app.run()
    assert any("Differences" in text.value for text in app.markdown)
    assert list(app.dataframe[1].value.columns) == ["Setting", "conv", "plain"] or set(
        app.dataframe[1].value.columns
    ) == {"Setting", "conv", "plain"}
    app.text_input(key="runs_search").set_value("conv").run()
    assert list(table(app)["Name"]) == ["conv"]
    assert app.session_state["runs_chosen"] == [first, second]


def test_rename_tag_and_note_are_kept_at_once(store) -> None:
    run_id = trained(store, "two-layer", "plain")
    app = explore()
    app.session_state["runs_chosen"] = [run_id]
    app.run()
    app.text_input(key="run_name").set_value("my best").run()
    app.text_area(key="run_note").set_value("try *again*").run()
    run = store.run(run_id)
    assert (run.name, run.note) == ("my best", "try *again*")
    app.text_input(key="run_name").set_value("  ").run()
    assert any("1 to 120" in error.value for error in app.error)
    assert store.run(run_id).name == "my best" and not app.exception


def test_several_runs_get_a_tag_at_once(store) -> None:
    first, second = trained(store, "two-layer", "a"), trained(store, "cnn", "b")
    store.annotate(first, ["old"], "mine")
    app = explore()
    app.session_state["runs_chosen"] = [first, second]
    app.run()
    app.text_input(key="tag_all").set_value(" class 9b ").run()
    assert store.run(first).tags == ("old", "class 9b") and store.run(first).note == "mine"
    assert store.run(second).tags == ("class 9b",)
    assert app.text_input(key="tag_all").value == "" and "Tags" in table(app)
    store.annotate(first, [f"t{n}" for n in range(20)], "")
    app.text_input(key="tag_all").set_value("one more").run()
    assert any("at most 20 tags" in error.value for error in app.error)


def test_delete_can_be_undone(store) -> None:
    keep, gone = trained(store, "two-layer", "keep"), trained(store, "cnn", "gone")
    app = explore()
    app.session_state["runs_chosen"] = [gone]
    app.run()
    app.button(key="delete_runs").click().run()
    assert list(table(app)["Name"]) == ["keep"] and [run.id for run in store.runs()] == [keep]
    next(button for button in app.button if button.label == "Undo").click().run()
    assert list(table(app)["Name"]) == ["gone", "keep"] and not app.exception
