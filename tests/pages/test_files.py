"""The Files tab of Explore, and links that hide controls, without a browser."""

from __future__ import annotations

from concurrent.futures import Future, wait
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment
from mnist_core.base.job_queue import JobQueue
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.untrusted import FileRefused
from mnist_core.experiment.class_links import GROUPS
from mnist_core.files import runfile
from mnist_core.files.export.models import ModelFile
from mnist_core.files.runfile import from_store, pack
from mnist_core.storage.store import Store
from mnist_core.training.events import Finished, Started, Steps
from mnist_core.visitors.limits import PUBLIC
from pages.session import services
from pages.views.explore import files_held, files_models, files_save, files_uploaded
from pages.views.explore.files_link import train_address
from pages.widgets.menu_labels import distinct
from pages.widgets.run_curves import opened_curves, run_curves
from tests.support.model_files import h5, pair, small_h5
from tests.support.runs_in_store import SMALL, ended_run
from tests.support.sandbox import zipped

APP = REPOSITORY / "app.py"
SAVE, OPEN, LINK = "Save a run", "Open files", "Link for a class"


@pytest.fixture
def store(home):
    st.cache_resource.clear()
    yield services.get_store()
    st.cache_resource.clear()


def files(view: str = SAVE) -> AppTest:
    from pages.views.explore.files import VIEWS

    app = AppTest.from_file(str(APP), default_timeout=30)
    app.session_state["explore_view"] = ":material/folder_open: Files"
    app.session_state["files_view"] = next(name for name in VIEWS if view in name)
    app.switch_page("pages/explore.py").run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.error, app.success, app.warning)
    return "\n".join(item.value for kind in kinds for item in kind)


def drop(app: AppTest, *named: tuple[str, bytes]) -> AppTest:
    app.file_uploader(key="open_files").set_value(
        [(name, data, "application/octet-stream") for name, data in named]
    )
    app.run()
    assert not app.exception, app.exception
    return app


def read(app: AppTest) -> AppTest:
    """The page once the models that were dropped on it have been read."""
    opened = app.session_state["opened_files"].values()
    wait([item.work for item in opened if item.work], timeout=120)
    app.run()
    assert not app.exception, app.exception
    return app


def file_of(store: Store, experiment: Experiment = SMALL, author: str = "") -> bytes:
    """A run file; the run itself is gone from the store."""
    run = ended_run(store, experiment)
    data = pack(from_store(store, store.run(run), author=author))
    store.delete(run)
    return data


def test_without_a_run_the_page_says_what_to_do(store) -> None:
    assert "Train a network first" in texts(files())


def test_what_a_file_beyond_the_budget_means_stands_beside_the_uploader(store, monkeypatch) -> None:
    """Streamlit shows its status code alone."""
    monkeypatch.setenv("MNIST_LAB_MAX_SESSION_UPLOAD_MEGABYTES", "7")
    said = texts(files(OPEN))
    assert "may take 7 MB together" in said and "status code 413" in said


def test_an_ended_run_can_be_saved_and_a_running_one_is_not_offered(store) -> None:
    run = ended_run(store)
    store.create_run(PRESETS["cnn"])
    app = files()
    assert app.selectbox(key="file_run").options == [store.run(run).name]
    snapshots = next(item for item in app.select_slider if item.label == "Checkpoint")
    # As on the other pages: at the end of an epoch all validation images count.
    assert snapshots.options[1:] == [
        "epoch 1 · step 10 · 80.00%", "epoch 2 · step 20 · 85.00%"
    ]  # fmt: skip
    keys = {button.key for button in app.download_button}
    assert {"save_run_file", "save_csv", "save_parquet", "save_tensorboard", "save_script"} <= keys


def test_models_are_prepared_in_the_background_and_offered_when_equal(store, monkeypatch) -> None:
    ended_run(store)
    work: Future[tuple[ModelFile, ...]] = Future()
    monkeypatch.setattr(files_models, "_conversion", lambda run, step: work)
    app = files()
    app.button(key="prepare_models").click().run()
    assert "Making Keras, ONNX, LiteRT" in texts(app)
    work.set_result(
        (
            ModelFile("keras", b"model", 0.0, 0, 1.0),
            ModelFile("onnx", b"model", 5.4e-7, 0, 1.0),
            ModelFile("litert", b"", 0.3, 5, 1.0, "The LiteRT file gives other results."),
        )
    )
    app.run()
    assert not app.exception, app.exception
    keys = {button.key for button in app.download_button}
    assert {"save_keras", "save_onnx"} <= keys and "save_litert" not in keys
    assert "5e-07" in texts(app) and "gives other results" in texts(app)


def test_a_file_becomes_a_run_once(store) -> None:
    app = drop(files(OPEN), ("homework.mnistlab", file_of(store, author="Ada *x*")))
    assert store.runs() == [], "Nothing is kept before the person says so"
    row = app.dataframe[0].value.iloc[0]
    assert (row["Who"], row["File"], row["Test accuracy"]) == ("Ada *x*", "homework.mnistlab", 0.9)
    app.text_input(key="open_tag").input("class 8b").run()
    app.button(key="keep_files").click().run()
    assert not app.exception, app.exception
    (run,) = store.runs()
    assert run.tags == ("class 8b",) and run.note.startswith("By Ada *x*.")
    assert run.name.startswith("small") and run.status == "finished"
    assert app.button(key="keep_files").disabled and app.button(key="opened_inside")


def test_a_class_of_files_is_compared(store) -> None:
    named = [
        (f"{name}.mnistlab", file_of(store, Experiment.from_query(query), name))
        for name, query in (
            ("Ada", "layers=flatten;dense(units:4)&epochs=2"),
            ("Ben", "layers=flatten;dense(units:6)&epochs=2"),
            ("Cleo", "layers=flatten;dense(units:4)&epochs=2&learning_rate=0.01"),
        )
    ]
    app = drop(files(OPEN), *named)
    table = app.dataframe[0].value
    assert table["Who"].tolist() == ["Ada", "Ben", "Cleo"]
    assert {"Layer 2", "Learning rate"} <= set(table.columns) and "Epochs" in table.columns
    assert not {"Batch size", "Optimiser"} & set(table.columns)
    app.button(key="keep_files").click().run()
    assert len(store.runs()) == 3


def test_an_opened_run_draws_the_curves_of_the_run_it_was_saved_from(store) -> None:
    smoothed = Experiment.from_query(f"{SMALL.to_query()}&label_smoothing=0.1")
    run = store.run(ended_run(store, smoothed))
    saved = opened_curves(runfile.read(pack(from_store(store, run))), run.name)
    kept = run_curves(store, run)
    assert saved.loss_title == kept.loss_title != "" and saved.least_loss == kept.least_loss > 0
    assert np.array_equal(saved.loss, kept.loss, equal_nan=True)
    assert saved.epoch_steps == kept.epoch_steps and saved.val_accuracy == kept.val_accuracy


def test_refused_files_are_named_with_the_reason_and_the_others_are_taken(store) -> None:
    good = file_of(store)
    app = drop(
        files(OPEN),
        ("cut.mnistlab", good[:500]),
        ("<b>evil</b>.mnistlab", b"PK\x03\x04"),
        ("strange.keras", zipped({"config.json": b"{}"})),
        ("good.mnistlab", good),
    )
    work = [item.work for item in app.session_state["opened_files"].values() if item.work]
    wait(work, timeout=60)
    app.run()
    said = [error.value for error in app.error]
    assert len(said) == 3 and all("was not taken" in sentence for sentence in said)
    assert "\\<b\\>" in said[1]
    assert app.dataframe[0].value["File"].tolist() == ["good.mnistlab"] and store.runs() == []


def test_a_model_of_keras_2_says_how_its_images_were_prepared(store) -> None:
    app = drop(files(OPEN), ("old.h5", small_h5()))
    app = read(app)
    assert "preparations tried" in texts(app) and "That is low" in texts(app)
    app.button(key="keep_files").click().run()
    (run,) = store.runs()
    assert run.name == "old" and "preparations tried" in run.note


def test_weights_alone_open_onto_the_network_that_is_chosen(store) -> None:
    weights = {"hidden": pair(784, 5), "out": pair(5, 10)}
    app = read(drop(files(OPEN), ("a.weights.h5", h5(None, weights, root=""))))
    assert "weights alone" in texts(app) and not app.dataframe
    chooser = next(item for item in app.selectbox if item.label.startswith("Network of"))
    chooser.set_value("Dense layers of 5, 10 units, sigmoid").run()
    read(app)
    assert len(app.session_state["opened_files"]) == 1  # what was read without it is let go
    app.button(key="keep_files").click().run()
    (run,) = store.runs()
    assert run.experiment.network.layers[-1].activation == "sigmoid"


def test_models_of_one_network_address_take_one_turn(store, monkeypatch) -> None:
    asked, submit = [], JobQueue.submit

    def noted(queue, visitor, work, address=None):
        asked.append(address)
        return submit(queue, visitor, work, address)

    monkeypatch.setattr(JobQueue, "submit", noted)
    monkeypatch.setattr(services, "address", lambda: "address-1")
    read(drop(files(OPEN), ("strange.keras", zipped({"config.json": b"{}"}))))
    assert asked == ["address-1"]


def test_runs_of_ones_own_are_offered_before_trials_of_studies(store, monkeypatch) -> None:
    monkeypatch.setattr(files_uploaded, "MOST_RUNS", 1)
    five = Experiment.from_query("layers=flatten;dense(units:5)")
    store.rename(store.create_run(five), "mine")
    store.rename(store.create_run(five, study="s", trial=0), "a trial")
    weights = {"hidden": pair(784, 5), "out": pair(5, 10)}
    app = read(drop(files(OPEN), ("a.weights.h5", h5(None, weights, root=""))))
    chooser = next(item for item in app.selectbox if item.label.startswith("Network of"))
    assert "Run mine" in chooser.options and "Run a trial" not in chooser.options


def test_what_nobody_foresaw_in_one_file_does_not_hide_the_others(store, monkeypatch) -> None:
    good, read_run = file_of(store), runfile.read

    def strange(data: bytes):
        if data == b"strange":
            raise ZeroDivisionError
        return read_run(data)

    monkeypatch.setattr(runfile, "read", strange)
    app = drop(files(OPEN), ("a.mnistlab", b"strange"), ("good.mnistlab", good))
    assert "not foreseen" in app.error[0].value
    assert app.dataframe[0].value["File"].tolist() == ["good.mnistlab"]


def test_files_are_held_only_while_they_are_there_and_not_too_many(store, monkeypatch) -> None:
    one = file_of(store)
    app = drop(files(OPEN), ("a.mnistlab", one))
    (held,) = app.session_state["opened_files"].values()
    room = 3 * files_held.held_bytes(held.run) // 2
    monkeypatch.setattr(files_held, "bounds", lambda: (room, 10 * room, 10 * room))
    drop(app, ("a.mnistlab", one), ("b.mnistlab", one))
    (said,) = app.error
    assert said.value.startswith("**b") and "These files together hold more" in said.value
    assert app.dataframe[0].value["File"].tolist() == ["a.mnistlab"]
    app.file_uploader(key="open_files").set_value([])
    app.run()
    assert not app.exception and not app.session_state["opened_files"]


def test_all_sessions_together_hold_no_more_than_the_server_may(store, monkeypatch) -> None:
    first, second, third = (runfile.read(file_of(store)) for _ in range(3))
    size = files_held.held_bytes(first)
    monkeypatch.setattr(files_held, "_held", WeakKeyDictionary())
    monkeypatch.setattr(files_held, "bounds", lambda: (size, 9 * size, 5 * size // 2))
    files_held.hold(first, [])
    with pytest.raises(FileRefused, match="These files together"):
        files_held.hold(second, [first])
    files_held.hold(second, [])
    with pytest.raises(FileRefused, match="all visitors have open"):
        files_held.hold(third, [])
    del first
    files_held.hold(third, [])


def test_the_sessions_of_an_address_leave_room_for_others(store, monkeypatch) -> None:
    first, second, third = (runfile.read(file_of(store)) for _ in range(3))
    size = files_held.held_bytes(first)
    monkeypatch.setattr(files_held, "_held", WeakKeyDictionary())
    monkeypatch.setattr(files_held, "bounds", lambda: (size, 3 * size // 2, 9 * size))
    files_held.hold(first, [], "address-1")
    with pytest.raises(FileRefused, match="at your network address"):
        files_held.hold(second, [], "address-1")
    files_held.hold(third, [], "address-2")


def test_the_shared_server_holds_what_its_documents_say(monkeypatch) -> None:
    monkeypatch.setattr(files_held, "current", lambda: PUBLIC)
    assert files_held.bounds() == (200_000_000, 250_000_000, 300_000_000)


def test_the_work_on_a_file_that_is_taken_away_is_cancelled(store, monkeypatch) -> None:
    waiting: Future[object] = Future()
    monkeypatch.setattr(files_uploaded, "_submit", lambda *_: waiting)
    app = drop(files(OPEN), ("a.keras", b"whatever"))
    assert not waiting.done()
    app.file_uploader(key="open_files").set_value([])
    app.run()
    assert waiting.cancelled()


def test_the_class_link_hides_all_but_what_is_chosen(store) -> None:
    app = files(LINK)
    app.selectbox(key="link_experiment").set_value("preset two-layer").run()
    address = app.code[0].value
    query = dict(parse_qsl(urlsplit(address).query))
    hidden = query.pop("hide").split(",")
    assert query.pop("seed") == "random"
    assert Experiment.from_query(query) == PRESETS["two-layer"]
    assert set(GROUPS) - set(hidden) == {"learning_rate", "epochs", "advice"}
    app.toggle(key="link_own_seeds").set_value(False).run()
    assert "seed=random" not in app.code[0].value
    assert train_address("http://host:1/lab/explore") == "http://host:1/lab/train"


def test_menus_tell_runs_of_one_name_apart() -> None:
    labels = {"a": "net", "b": "net (2)", "c": "net", "d": "net"}
    assert list(distinct(labels).values()) == ["net", "net (2)", "net (3)", "net (4)"]


def train(**query: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page("pages/train.py").run()
    assert not app.exception, app.exception
    return app


def controls(app: AppTest) -> set[str]:
    kinds = (app.selectbox, app.select_slider, app.number_input, app.slider)
    return {item.label for kind in kinds for item in kind} | {tab.label for tab in app.tabs}


def hidden_by(app: AppTest) -> str:
    """What the address says; given settings come back as lists, set ones as texts."""
    found = app.query_params["hide"]
    return found if isinstance(found, str) else found[0]


@pytest.fixture
def no_training(store, monkeypatch):
    from mnist_core.engine.engine import Engine

    monkeypatch.setattr(Engine, "warm", lambda self: None)


def test_a_link_hides_controls_and_the_address_keeps_that(store, no_training) -> None:
    everything = controls(train(preset="cnn"))
    hidden = "preset,layers,optimizer,data,augmentation,stop,script"
    app = train(preset="cnn", hide=hidden)
    seen = controls(app)
    assert {"Network", "Optimiser", "Filters", "Validation share", "Keras script"} <= everything
    assert not {"Network", "Optimiser", "Filters", "Validation share", "Keras script"} & seen
    assert {"Learning rate", "Epochs", "Seed"} <= seen
    assert "conv 32" in texts(app), "What is fixed is still shown"
    for _ in range(2):
        app.run()
        assert hidden_by(app) == hidden and controls(app) == seen
    app.switch_page("pages/explore.py").run()
    app.query_params.clear()
    app.switch_page("pages/train.py").run()
    assert controls(app) == seen and hidden_by(app) == hidden


def test_an_unknown_control_in_a_link_is_said(store, no_training) -> None:
    app = train(preset="cnn", hide="layers,colour")
    assert any("“colour”" in error.value for error in app.error)
    assert hidden_by(app) == "layers"


def test_a_link_may_leave_the_seed_to_chance(store, no_training) -> None:
    drawn = {train(preset="two-layer", seed="random").query_params["seed"][0] for _ in range(3)}
    assert len(drawn) > 1 and all(seed.isdecimal() for seed in drawn)


def test_a_link_hides_advice_on_a_run_that_fails(store, no_training) -> None:
    run = store.create_run(PRESETS["zeros"])
    loss, accuracy = np.full(200, 2.3, np.float32), np.full(200, 0.1, np.float32)
    store.record(run, Started(200, 100, PRESETS["zeros"].network.parameters))
    store.record(run, Steps(1, loss, accuracy, 0.01, 1, 1.0, 200, 100.0))
    store.record(run, Finished(200, 2, 0.1, 0.1, "target", 1.0))
    app = train(run=run)
    assert "Use random Glorot initialisation" in app.button(key="take_advice").label
    app = train(run=run, hide="advice")
    assert "take_advice" not in [button.key for button in app.button]
    assert "guessing" not in texts(app)


@pytest.mark.parametrize("which", ["all", "ends"])
def test_a_run_file_is_no_larger_than_was_said(store, which) -> None:
    run = store.run(ended_run(store))
    size = len(pack(from_store(store, run, snapshots=which, author="Ada")))
    assert size <= files_save.largest_file(run, store.snapshots(run.id), which) < size + 100_000


def test_on_a_shared_server_first_and_last_weights_are_what_is_saved(store, monkeypatch) -> None:
    run = ended_run(store)
    assert files().segmented_control(key=f"file_moments_{run}").value == "all"
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    monkeypatch.setattr("pages.session.visitor.owner", lambda: "local")
    monkeypatch.setattr("pages.session.services.owner", lambda: "local")
    monkeypatch.setattr(files_save, "owner", lambda: "local")
    monkeypatch.setattr(files_save, "ROOM_FOR_FACTS", 26_000_000)
    app = files()
    assert app.segmented_control(key=f"file_moments_{run}").value == "ends"
    assert "opens files of up to 25 MB" in texts(app)
