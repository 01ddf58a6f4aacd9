"""Data sets of one's own on the pages, without a browser: added, looked at, and used everywhere."""

from __future__ import annotations

import time
from concurrent.futures import wait

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.sandbox import WorkFailed
from mnist_core.data.custom import from_arrays
from mnist_core.drawing.stroke_history import History
from mnist_core.drawing.strokes import Stroke
from mnist_core.files.runfile import from_store, pack
from mnist_core.storage import datasets
from mnist_core.storage.store import Store, Unavailable
from mnist_core.training.events import Finished, Snapshot, Started
from pages.session import services
from pages.widgets import progress_notes
from tests.support.data_sets import NAMES, bars, idx_files, npz, parts
from tests.support.runs_in_store import ended_run, some_weights

APP = REPOSITORY / "app.py"
DATA = bars()
SET = from_arrays(DATA)
EXPERIMENT = Experiment.from_query("layers=flatten;dense(units:8)&epochs=1").on(SET.digest, 3)
BAR = (Stroke(((140.0, 40.0), (141.0, 240.0))),)


@pytest.fixture
def store(home, monkeypatch):
    """The pages' store; nothing trains."""
    from mnist_core.engine.engine import Engine

    monkeypatch.setattr(Engine, "warm", lambda self: None)
    st.cache_resource.clear()
    yield services.shared_store()
    st.cache_resource.clear()


@pytest.fixture
def own_run(store):
    """A trained run on a kept data set."""
    datasets.keep(store, "local", SET)
    return make_run(store)


def make_run(store: Store, experiment: Experiment = EXPERIMENT) -> str:
    run = store.create_run(experiment)
    store.record(run, Started(10, 10, experiment.network.parameters))
    for step in (0, 10):
        store.record(run, Snapshot(step, step / 10, some_weights(experiment, step), 0.5))
    store.record(run, Finished(10, 1, 0.3, 0.9, "epochs", 1.0))
    return run


def open_page(page: str, state: dict[str, object] | None = None, **query: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90)
    for name, value in (state or {}).items():
        app.session_state[name] = value
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def data_page() -> AppTest:
    return open_page("explore", {"explore_view": ":material/dataset: Data"})


def add(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader = next(item for item in app.file_uploader if item.key.startswith("data_files"))
    uploader.set_value([(name, data, "application/octet-stream") for name, data in files]).run()
    wait([app.session_state["work_data set"][1]], timeout=60)
    app.run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.error, app.success, app.warning)
    said = [item.value for kind in kinds for item in kind]
    return "\n".join([*said, *(element.proto.body for element in app.get("html"))])


def settled(app: AppTest, words: str) -> str:
    deadline = time.monotonic() + 60
    while words not in texts(app):
        assert time.monotonic() < deadline and not app.exception, texts(app)
        time.sleep(0.2)
        app.run()
    return texts(app)


def named(items, start: str):
    return next(item for item in items if item.key and item.key.startswith(start))


# --- adding -------------------------------------------------------------------------------------


def test_a_set_is_checked_shown_named_and_kept(store) -> None:
    app = add(data_page(), ("bars.npz", npz(**parts(DATA))))
    assert "3 classes, 120 training and 30 test images" in texts(app)
    assert datasets.sets(store, "local") == []
    named(app.text_area, "new_data_classes").set_value("left\nmiddle").run()
    assert "2 names were given for 3 classes" in texts(app)
    named(app.text_area, "new_data_classes").set_value("left\nmiddle\nright bar").run()
    assert "Examples of right bar" in texts(app)
    app.button(key="keep_data").click().run()
    (info,) = datasets.sets(store, "local")
    assert (info.digest, info.title, info.classes) == (SET.digest, "bars", NAMES)
    assert app.selectbox(key="data_chosen").value == SET.digest
    assert "<strong>right bar</strong> 40" in texts(app)


def test_the_four_files_of_fashion_mnist_get_its_names(store) -> None:
    app = add(data_page(), *idx_files(bars(classes=10)))
    assert named(app.text_area, "new_data_classes").value.startswith("0\n1\n")
    button_group = named(app.get("button_group"), "new_data_known")
    button_group.set_value("Fashion-MNIST").run()
    assert named(app.text_area, "new_data_classes").value.split("\n")[9] == "Ankle boot"


def test_light_and_dark_can_be_exchanged(store) -> None:
    app = add(data_page(), ("bars.npz", npz(**parts(DATA))))
    named(app.toggle, "new_data_inverted").set_value(True).run()
    app.button(key="keep_data").click().run()
    (info,) = datasets.sets(store, "local")
    kept = datasets.load(store, "local", info.digest)
    assert np.array_equal(kept.x_train, 255 - DATA.x_train) and info.digest != SET.digest


def test_what_is_no_data_set_gets_a_sentence(store) -> None:
    app = add(data_page(), ("<b>x</b>.npz", b"PK\x03\x04 nothing"))
    assert "damaged" in app.error[0].value and "<b>" not in app.error[0].value
    assert not [button for button in app.button if button.key == "keep_data"]


def test_without_a_network_keras_loader_says_so(store, monkeypatch) -> None:
    from mnist_core.data import download

    def fetch(most: int):
        def call(*_):
            raise WorkFailed("the network is unreachable.")

        return ORIGINAL(call, most)

    ORIGINAL = download.fetch
    monkeypatch.setattr(download, "fetch", fetch)
    app = data_page()
    app.button(key="data_fetch").click().run()
    assert "no network connection" in settled(app, "could not be loaded").replace("\\", "")


def test_how_long_a_download_takes_says_nothing_about_files(store, monkeypatch) -> None:
    from mnist_core.data import download

    took: dict[str, float] = {}
    monkeypatch.setattr(progress_notes, "_seconds", took)
    monkeypatch.setattr(progress_notes, "_KEPT_SECONDS", -1.0)
    monkeypatch.setattr(download, "fetch", lambda most: SET)
    app = data_page()
    app.button(key="data_fetch").click().run()
    settled(app, "120 training and 30 test images")
    assert "data set" not in took
    add(app, ("bars.npz", npz(**parts(DATA))))
    assert "data set" in took


def test_names_can_be_changed_and_a_set_be_deleted_and_brought_back(
    store, own_run, monkeypatch
) -> None:
    def refuses(*_: object) -> None:
        raise Unavailable("The disk is full.")

    app = data_page()
    app.selectbox(key="data_chosen").set_value(SET.digest).run()
    named(app.text_area, "data_classes").set_value("a\nb\nc")
    next(button for button in app.button if button.label == "Save names").click().run()
    assert datasets.sets(store, "local")[0].classes == ("a", "b", "c")
    assert "1 of your runs names it" in texts(app)
    app.button(key="data_delete_now").click().run()
    assert datasets.sets(store, "local") == []
    with monkeypatch.context() as patched:
        patched.setattr(datasets, "bring_back", refuses)
        app.button(key="bring_data_back").click().run()
    assert not app.exception and datasets.sets(store, "local") == []
    app.button(key="bring_data_back").click().run()
    assert datasets.sets(store, "local") and app.selectbox(key="data_chosen").value == SET.digest


def test_a_set_that_a_waiting_run_needs_is_not_deleted(store) -> None:
    datasets.keep(store, "local", SET)
    store.create_run(EXPERIMENT)
    app = data_page()
    app.selectbox(key="data_chosen").set_value(SET.digest).run()
    app.button(key="data_delete_now").click().run()
    assert datasets.sets(store, "local") and "needs this data set" in app.error[0].value


def test_visitors_of_a_shared_server_see_and_keep_only_their_own(store, monkeypatch) -> None:
    datasets.keep(store, "somebody else", SET)
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    monkeypatch.setenv("MNIST_LAB_MAX_KEPT_DATA", "1")
    app = data_page()
    assert app.selectbox(key="data_chosen").options == ["MNIST"]
    app = add(app, ("bars.npz", npz(**parts(DATA))))
    app.button(key="keep_data").click().run()
    assert app.selectbox(key="data_chosen").options == ["MNIST", "bars"]
    other = bars(seed=5)
    app = add(app, ("more.npz", npz(**parts(other))))
    app.button(key="keep_data").click().run()
    assert "the most this server keeps" in texts(app)
    monkeypatch.setenv("MNIST_LAB_MAX_DATA_IMAGES", "100")
    assert "exceed the limit of 100" in texts(add(app, ("most.npz", npz(**parts(bars(seed=6))))))


# --- using --------------------------------------------------------------------------------------


def test_the_train_page_offers_the_set_and_keeps_it_when_the_preset_changes(store) -> None:
    assert not [item for item in open_page("train").selectbox if item.label == "Data set"]
    datasets.keep(store, "local", SET)
    st.cache_resource.clear()
    app = open_page("train")
    chooser = next(item for item in app.selectbox if item.label == "Data set")
    assert chooser.options == ["MNIST", "Bars"]
    chooser.set_value(SET.digest).run()
    assert "Trains on Bars" in texts(app)
    next(item for item in app.selectbox if item.label == "Network").set_value("two-layer").run()
    draft = Experiment.parse(app.session_state["draft"])
    assert draft == PRESETS["two-layer"].on(SET.digest, 3)
    assert "data" in app.query_params and "classes" in app.query_params
    next(item for item in app.selectbox if item.label == "Data set").set_value("mnist").run()
    assert Experiment.parse(app.session_state["draft"]) == PRESETS["two-layer"]


def test_the_way_from_training_to_a_set_of_ones_own(store) -> None:
    app = open_page("train")
    next(item for item in app.button if item.label == "Train on images of your own").click().run()
    assert not app.exception and "explore_view" in app.session_state
    assert app.session_state["explore_view"] == ":material/dataset: Data"


def test_a_link_to_a_set_that_is_not_here_says_so(store) -> None:
    app = open_page("train", preset="two-layer", data=SET.digest, classes="3")
    start = next(item for item in app.button if item.label == "Start training")
    assert start.disabled and "is not here" in texts(app)
    datasets.keep(store, "local", SET)
    st.cache_resource.clear()
    app = open_page("train", preset="two-layer", data=SET.digest, classes="3")
    start = next(item for item in app.button if item.label == "Start training")
    assert not start.disabled and "is not here" not in texts(app)


@pytest.mark.parametrize("view", ["network", "mistakes", "robustness", "backward", "edit"])
def test_look_inside_shows_its_images_and_names(own_run, view) -> None:
    app = open_page("inspect", run=own_run, view=view, image="4")
    assert not app.error and not app.warning
    classes = next(item for item in app.selectbox if item.label == "Class")
    assert classes.options == ["any class", *NAMES]
    assert next(item for item in app.number_input if item.label == "Index (0 to 29)").max == 29
    if view == "mistakes":
        assert "of the 30 test images" in texts(app)


def test_look_inside_leaves_a_larger_set_for_a_smaller_one(store, own_run) -> None:
    app = open_page("inspect", run="default", view="mistakes", image="9000")
    app.session_state["inspect_cell"] = (9, 4)
    app.selectbox(key="inspect-run").set_value(own_run).run()
    assert not app.exception, app.exception
    assert next(item for item in app.number_input if item.label == "Index (0 to 29)").value == 29


def test_look_inside_says_when_the_images_are_not_here(store) -> None:
    app = open_page("inspect", run=make_run(store), view="mistakes")
    assert "is not here" in app.warning[0].value


def test_draw_reads_with_the_names_of_the_classes(own_run) -> None:
    app = open_page("draw", {"drawing_history": History(BAR), "reading_network": own_run})
    said = settled(app, "Probability of each class")
    assert any(f"**{name}**" in said for name in NAMES)
    assert "Classes: left, middle, right bar" in said
    assert "right bar</th>" in said


def test_corrections_are_for_digits(own_run) -> None:
    state = {"drawing_history": History(BAR), "reading_network": own_run}
    state["drawing_view"] = ":material/school: Wrong? Teach it"
    app = open_page("draw", state)
    assert "trained on MNIST" in settled(app, "Corrections are digits")


def test_a_run_file_of_a_set_that_is_not_here_says_so(store, own_run) -> None:
    data = pack(from_store(store, store.run(ended_run(store, EXPERIMENT))))
    datasets.put_aside(store, "local", SET.digest)
    st.cache_resource.clear()
    state = {"explore_view": ":material/folder_open: Files"}
    state["files_view"] = ":material/upload: Open files"
    app = open_page("explore", state)
    upload = [("run.mnistlab", data, "application/octet-stream")]
    app.file_uploader(key="open_files").set_value(upload).run()
    assert not app.exception, app.exception
    assert "is not here" in app.warning[0].value and not app.error
    app.button(key="keep_files").click().run()
    assert store.runs()[0].experiment == EXPERIMENT
