"""The Train page by Streamlit's AppTest: widgets in, sentences and values out."""

from __future__ import annotations

import time

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store, StoreError
from mnist_core.training.events import Failed, Finished, Snapshot, Started, Steps
from tests.support.runs import is_status, reach
from tests.support.train_page import (
    ENGINES,
    button,
    errors,
    open_page,
    plain_again,
    preset_box,
    press,
)
from tests.support.train_page import fake_training as fake_training


def number(app: AppTest, label: str):
    return next(item for item in app.number_input if item.label == label)


def draft(app: AppTest) -> Experiment:
    return Experiment.parse(app.session_state.draft)


def test_a_first_visitor_finds_a_network_and_one_button() -> None:
    app = open_page()
    assert draft(app) == PRESETS["cnn"]
    assert not button(app, "Start training").disabled
    assert any("Click **Start training**" in item.value for item in app.info)
    link = {k: v if isinstance(v, str) else v[0] for k, v in app.query_params.items()}
    assert Experiment.from_query(link) == PRESETS["cnn"]


def test_a_worker_starts_ahead_of_the_first_run(monkeypatch) -> None:
    warmed: list[Engine] = []

    def warm(engine: Engine) -> None:
        warmed.append(engine)

    monkeypatch.setattr(Engine, "warm", warm)
    open_page()
    assert warmed == ENGINES and len(ENGINES) == 1


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_can_be_chosen_and_started(name: str) -> None:
    app = open_page()
    box = preset_box(app)
    index = next(i for i, title in enumerate(box.options) if title.startswith(f"{name} ·"))
    box.select_index(index).run()
    assert draft(app) == PRESETS[name] and not app.exception
    assert not button(app, "Start training").disabled


def test_a_link_opens_its_experiment() -> None:
    app = open_page(preset="two-layer", epochs="7", seed="3")
    training = PRESETS["two-layer"].training.model_copy(update={"epochs": 7, "seed": 3})
    assert draft(app) == PRESETS["two-layer"].model_copy(update={"training": training})


def test_a_broken_link_is_a_sentence_and_the_page_still_works() -> None:
    app = open_page(layers="flatten;dense(units:0)", optimizer="magic")
    assert "This link does not hold an experiment" in errors(app)
    assert "units is “0”; choose a whole number from 1 to 4,096" in errors(app)
    assert draft(app) == PRESETS["cnn"] and not button(app, "Start training").disabled


def test_a_mistake_is_shown_beside_its_layer_before_training_can_start() -> None:
    app = open_page(layers="conv(filters:4);max_pool;flatten")
    number(app, "Pool size").set_value(27).run()
    assert "Layer 2 (max pooling): a 27×27 window does not fit its 26×26 input" in errors(app)
    assert button(app, "Start training").disabled
    number(app, "Pool size").set_value(2).run()
    assert not errors(app) and not button(app, "Start training").disabled


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        ("Epochs", 9999, "Epochs is 9999; choose a whole number from 1 to 200."),
        ("Seed", -1, "Seed is -1; choose a whole number from 0 to 999,999."),
        ("Units", 0, "Layer 2 (dense): units is 0; choose a whole number from 1 to 4,096."),
        ("Max minutes", 0.0, "Max minutes is 0.0; choose a number from 0.05 to 600, or leave it"),
        ("Patience (epochs)", 0, "Patience is 0; choose a whole number from 1 to"),
    ],
)
def test_a_number_out_of_its_range_is_a_sentence(label: str, value: float, said: str) -> None:
    app = open_page(layers="flatten;dense(units:5)")
    number(app, label).set_value(value).run()
    assert said in errors(app) and button(app, "Start training").disabled
    # What is not wrong stays: the network's summary, and its picture as long as it holds.
    assert bool(app.dataframe) == (label != "Units")


def test_a_number_that_may_be_empty_can_be_emptied() -> None:
    app = open_page(preset="overfit")
    images = number(app, "Training images (empty: all)")
    assert images.value == 1000
    # Streamlit brings back what a field began with: this one begins empty.
    assert not images.proto.HasField("default")
    images.set_value(None).run()
    assert draft(app).training.training_images is None and not errors(app)
    number(app, "Max minutes").set_value(0.0).run()
    (stop,) = [part for part in app.expander if part.label == "Stop early"]
    assert "leave it empty" in stop.error[0].value
    number(app, "Max minutes").set_value(None).run()
    assert not errors(app)


def test_a_missing_flatten_is_one_click_away() -> None:
    app = open_page(layers="conv(filters:4);flatten;dense(units:5)")
    press(app, "Remove layer 2")
    assert "needs a row of numbers" in errors(app)
    press(app, "Add a flatten layer here")
    kinds = [layer.kind for layer in draft(app).network.layers]
    assert kinds == ["conv", "flatten", "dense"] and not errors(app)


def test_layers_are_added_moved_and_removed() -> None:
    app = open_page(layers="flatten;dense(units:5)")
    press(app, "Dropout")
    assert [layer.kind for layer in draft(app).network.layers] == ["flatten", "dense", "dropout"]
    press(app, "Move layer 3 left")
    assert [layer.kind for layer in draft(app).network.layers] == ["flatten", "dropout", "dense"]
    assert "My own network" in preset_box(app).options


def test_a_conflict_between_settings_is_a_sentence() -> None:
    app = open_page(preset="two-layer", patience="2")
    share = next(item for item in app.slider if item.label == "Validation share")
    share.set_value(0.0).run()
    assert "needs validation images" in errors(app) and button(app, "Start training").disabled


def test_start_watch_and_stop() -> None:
    app = open_page(preset="two-layer", epochs="50")
    press(app, "Start training")
    store = ENGINES[0].store
    end = time.monotonic() + 60
    while store.runs()[0].step < 5:
        assert time.monotonic() < end
        time.sleep(0.05)
    app.run()
    assert any("**running**" in item.value and "of 50" in item.value for item in app.markdown)
    press(app, "Stop")
    while store.runs()[0].active:
        assert time.monotonic() < end
        time.sleep(0.05)
    app.run()
    assert any("**stopped**" in item.value for item in app.markdown)
    assert button(app, "Resume") and not app.exception


def recorded_run(experiment: Experiment, *events) -> str:
    store = Store()
    run_id = store.create_run(experiment, preset="cnn")
    for event in events:
        store.record(run_id, event)
    store.close()
    return run_id


def flat_steps(loss: float, accuracy: float, count: int = 200) -> Steps:
    values = np.full((2, count), [[loss], [accuracy]], np.float32)
    return Steps(1, values[0], values[1], 0.1, 1, 1.0, 1000)


def test_a_diverged_run_offers_the_remedy_in_one_click() -> None:
    recorded_run(
        PRESETS["too-fast"],
        Started(1000, 500, 10),
        flat_steps(np.nan, 0.1),
        Failed(7, 1, "The loss was no longer a number at step 7."),
    )
    app = open_page()
    assert "no longer a number at step 7" in errors(app)
    press(app, "Lower the learning rate to 0.1, and train again")
    newest = ENGINES[0].store.runs()[0]
    assert newest.experiment.training.learning_rate == 0.1
    assert draft(app) == newest.experiment
    assert app.session_state.shown_run == newest.id
    # The curves of the run that failed lie over the new one's, until the next start.
    (laid_over,) = [item.value for item in app.multiselect]
    assert [ENGINES[0].store.run(name).message for name in laid_over] == [
        "The loss was no longer a number at step 7."
    ]
    press(app, "Queue another")
    assert [item.value for item in app.multiselect] == [[]]


def test_an_interrupted_run_can_go_on() -> None:
    weights = (np.ones(3, np.float32),)
    run_id = recorded_run(
        PRESETS["two-layer"],
        Started(1000, 500, 10),
        flat_steps(1.0, 0.5, 10),
        Snapshot(10, 0.02, weights, 0.5, b"state"),
    )
    app = open_page()
    said = plain_again("\n".join(item.value for item in app.warning))
    assert "server went down while this run was at step 10" in said and "step 10" in said
    press(app, "Resume")
    store = ENGINES[0].store
    end = time.monotonic() + 60
    while store.run(run_id).step < 15:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert store.run(run_id).status == "running"


def test_a_finished_run_shows_its_test_accuracy_and_names_are_only_text() -> None:
    named = PRESETS["cnn"].model_copy(update={"name": "<script>alert(1)</script> **x**"})
    recorded_run(
        named,
        Started(200, 200, 10),
        flat_steps(0.1, 0.97),
        Finished(200, 1, 0.05, 0.9876, "epochs", 9.0),
    )
    app = open_page()
    assert any("**98.76%** on test images" in item.value for item in app.markdown)
    assert not app.exception


def test_a_run_deleted_elsewhere_leaves_a_working_page() -> None:
    run_id = recorded_run(PRESETS["cnn"], Started(200, 200, 10), flat_steps(0.1, 0.97))
    app = open_page()
    Store().delete(run_id)
    app.run()
    assert not app.exception and not button(app, "Start training").disabled


def test_a_home_that_cannot_keep_runs_is_a_sentence(home, monkeypatch) -> None:
    (home / "file").write_text("not a folder")
    monkeypatch.setenv("MNIST_LAB_HOME", str(home / "file" / "lab"))
    app = open_page()
    assert "cannot store your runs" in errors(app) and "MNIST_LAB_HOME" in errors(app)


def test_a_start_that_the_database_refuses_is_a_sentence(monkeypatch) -> None:
    app = open_page()

    def refuse(*_, **__):
        raise StoreError("The database rejected this: disk full.")

    monkeypatch.setattr(ENGINES[0].store, "create_run", refuse)
    press(app, "Start training")
    assert "The run could not be started" in errors(app) and "disk full" in errors(app)


def test_a_press_right_after_a_choice_trains_what_was_chosen() -> None:
    """Both reach the server before the page with the choice has been drawn."""
    app = open_page(preset="fast-99")
    box = preset_box(app)
    box.set_value(next(name for name in box.options if name.startswith("two-layer ·")))
    press(app, "Start training")
    (run,) = ENGINES[0].store.runs()
    assert run.name.startswith("two-layer")
    assert run.experiment.network == PRESETS["two-layer"].network


def test_what_a_link_got_wrong_stays_until_something_is_changed() -> None:
    app = open_page(layers="flatten;dense(units:0)")
    app.run()  # as it does by itself when the address has been put right
    assert "This link does not hold an experiment" in errors(app)
    number(app, "Epochs").set_value(7).run()
    assert not errors(app)


def test_a_complaint_does_not_outlast_its_page() -> None:
    app = open_page(layers="flatten;dense(units:0)")
    assert errors(app)
    app.query_params.clear()  # as the menu's links do
    for page in ("learn", "train"):
        del app.session_state["inside_app"]  # AppTest starts each page's file by itself
        app.switch_page(f"pages/{page}.py").run()
    assert not errors(app)


def test_a_run_is_named_by_what_was_changed() -> None:
    app = open_page(preset="two-layer")
    number(app, "Epochs").set_value(1).run()
    button(app, "Start training").click().run()
    assert Store().runs()[0].name == "two-layer, epochs 1 · run 1"


def test_a_duplicate_with_one_thing_changed_lies_over_the_run_it_comes_from() -> None:
    first = recorded_run(PRESETS["two-layer"], Started(200, 200, 10), flat_steps(0.1, 0.97),
                         Finished(200, 1, 0.05, 0.9876, "epochs", 9.0))  # fmt: skip
    app = open_page(preset="cnn")
    press(app, "Duplicate and change one thing")
    assert preset_box(app).value == "two-layer"
    number(app, "Epochs").set_value(1).run()
    press(app, "Start training")
    newest = Store().runs()[0]
    assert newest.id != first and newest.name.startswith("two-layer, epochs 1")
    assert newest.experiment.network == PRESETS["two-layer"].network
    assert app.session_state["shown_run"] == newest.id
    assert list(app.session_state["compared"]) == [first]
    ENGINES[0].stop(newest.id)


def test_settings_change_in_a_pause_and_the_run_goes_on_with_them() -> None:
    app = open_page(preset="two-layer", epochs="200", hide="advice")
    press(app, "Start training")
    store = ENGINES[0].store
    run_id = store.runs()[0].id
    reach(store, run_id, lambda run: run.step > 3)
    app.run()
    press(app, "Pause")
    reached = reach(store, run_id, is_status("paused")).step
    app.run()
    assert any("Paused. Change" in item.value for item in app.caption)
    number(app, "Epochs").set_value(150).run()
    assert any("trains on with epochs 200 → 150" in item.value for item in app.markdown)
    press(app, "Resume")
    run = reach(store, run_id, lambda run: run.step > reached and run.status == "running")
    assert [(change.step, change.experiment.training.epochs) for change in run.changes] == [
        (reached, 150)
    ]
    assert (run.epochs, run.experiment.training.epochs) == (150, 200)
    app.run()
    press(app, "Pause")
    reach(store, run_id, is_status("paused"))
    number(app, "Seed").set_value(7).run()
    assert any("keeps its seed" in item.value for item in app.caption)
    press(app, "Edit this run's settings")
    assert number(app, "Seed").value == 0 and number(app, "Epochs").value == 150
