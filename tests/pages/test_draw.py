"""The Draw page without a browser: what it shows for a drawing that the session holds."""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, load_default_model
from mnist_core.base import computing
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.sandbox import LimitReached, ProcessCrashed
from mnist_core.data import mnist
from mnist_core.drawing.pretrained import EXPERIMENT
from mnist_core.drawing.stroke_history import History
from mnist_core.drawing.strokes import Stroke, as_canvas
from mnist_core.inspection.activations import probe
from mnist_core.model.build import build_model
from mnist_core.storage import corrections
from mnist_core.storage.store import Store
from mnist_core.training.events import Failed, Snapshot
from pages.session import drawn_digits, paper, reader
from pages.session.network_choice import DEFAULT_MODEL, NetworkChoice
from pages.views.draw import photo as photo_page
from pages.views.draw import reasons
from pages.views.draw.learning import in_words
from pages.views.draw.steps import STEPS as STEPS_OF_A_DRAWING
from pages.views.draw.views import VIEWS
from pages.widgets.escape import escaped
from tests.support.photos import as_file, photo
from tests.support.strokes import strokes

PAGE = REPOSITORY / "pages" / "draw.py"
STEPS, WHY, COMPARE, LEARN, TEACH, PHOTO = VIEWS
HASH = tuple(
    Stroke(points)
    for points in (
        ((90.0, 40.0), (90.0, 240.0)),
        ((180.0, 40.0), (180.0, 240.0)),
        ((40.0, 90.0), (240.0, 90.0)),
        ((40.0, 180.0), (240.0, 180.0)),
    )
)
FORTY_TWO = (
    *strokes(4, size=120, left=10, top=80, width=14),
    *strokes(2, size=120, left=150, top=80, width=14),
)


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


@pytest.fixture
def own_run():
    """A run with three snapshots of a dense network, newest of all runs."""
    store, experiment = Store(), PRESETS["two-layer"]
    weights = build_model(experiment.network).get_weights()
    run = store.create_run(experiment, preset="two-layer")
    for step in (0, 10, 20):
        moved = tuple(weight + np.float32(0.01 * step) for weight in weights)
        store.record(run, Snapshot(step=step, epoch=step / 20, weights=moved, val_accuracy=0.1))
    return run


def texts(page):
    return [element.value for element in page.markdown]


def shown(page):
    """Everything the page says in markdown, captions and HTML."""
    said = [element.value for kind in ("markdown", "caption") for element in page.get(kind)]
    return "\n".join([*said, *(element.proto.body for element in page.get("html"))])


def settled(page, done):
    """The page once `done` holds; what takes long is worked out in another thread."""
    deadline = time.monotonic() + 60
    while not done(page):
        assert time.monotonic() < deadline, shown(page)
        assert not page.exception
        time.sleep(0.2)
        page.run()
    return page


def test_an_empty_canvas_is_an_invitation(open_page):
    page = open_page()
    assert not page.exception
    assert any("Draw one or more digits" in text for text in texts(page))
    assert not any(text.isdigit() for text in texts(page))
    assert page.session_state["drawing_image28"] is None


@pytest.mark.parametrize("digit", [2, 7])
def test_a_kept_drawing_is_read_by_the_default_model(open_page, digit):
    page = open_page(drawing_history=History(strokes(digit)))
    assert not page.exception
    assert str(digit) in texts(page)
    assert "Default model · 99." in page.selectbox[0].options[0]
    image = page.session_state["drawing_image28"]
    assert image.shape == (28, 28) and image.dtype == np.float32 and image.max() > 0.9


def test_a_cleared_drawing_comes_back_by_undo_and_goes_by_redo(open_page):
    page = open_page(drawing_history=History.of(strokes(4)))
    assert "4" in texts(page)
    page.button(key="clear_canvas").click().run()
    assert not page.exception
    assert "4" not in texts(page)
    assert any("Draw one or more digits" in text for text in texts(page))
    assert page.session_state["drawing_image28"] is None
    page.button(key="undo").click().run()
    assert "4" in texts(page)
    page.button(key="undo").click().run()
    assert page.session_state["drawing_history"].strokes == strokes(4)[:-1]
    page.button(key="redo").click().run()
    page.button(key="redo").click().run()
    assert not page.exception
    assert "4" not in texts(page)
    assert page.button(key="redo").disabled


class State(dict[str, Any]):
    """A session's state, without a session."""

    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


def test_a_stroke_on_the_sheet_of_two_erasures_ago_is_kept(monkeypatch):
    state = State()
    monkeypatch.setattr(paper, "st", SimpleNamespace(session_state=state))
    oldest = paper._sheet().colour

    def draw(*drawn: Stroke) -> None:
        canvas = as_canvas(drawn) | {"background": oldest}
        state[paper.BOARD] = {"drawing": {"raw": canvas}}
        paper._drawn()

    erased = tuple(replace(stroke, erase=True) for stroke in HASH[2:])
    paths = as_canvas(erased)["objects"]
    draw(HASH[0])
    paper._erase({"before": 0, "strokes": paths[:1]})
    paper._erase({"before": 0, "strokes": paths})
    draw(*HASH[:2])
    assert paper.drawing() == (HASH[0], *erased, HASH[1])


def test_ink_that_was_rubbed_out_is_no_drawing(open_page):
    rubbed = Stroke(((0.0, 140.0), (280.0, 140.0)), 40.0, erase=True)
    page = open_page(drawing_history=History((Stroke(((100.0, 140.0), (180.0, 140.0))), rubbed)))
    assert not page.exception
    assert any("Draw one or more digits" in text for text in texts(page))


def test_what_is_no_digit_gets_a_question_mark(open_page):
    page = settled(open_page(drawing_history=History(HASH)), lambda page: "?" in texts(page))
    assert not any(text.isdigit() for text in texts(page))
    assert "Not a digit?" in shown(page)


def test_several_digits_are_read_as_a_number(open_page):
    page = open_page(drawing_history=History(FORTY_TWO), drawing_view=TEACH)
    assert not page.exception
    assert "42" in texts(page)
    assert len(re.findall(r"<strong>[42]</strong><br>Confidence (>\s)?\d\d\.\d%", shown(page))) == 2
    first = page.session_state["drawing_image28"]
    page.button_group(key="drawn_digit_of_2").set_value(1).run()
    assert not page.exception
    assert "42" in texts(page)
    # The rest of the page is about the digit that was chosen.
    assert not np.allclose(page.session_state["drawing_image28"], first)
    page.button(key="it_was_2").click().run()
    assert any("The network was right. Saved as a 2" in caption.value for caption in page.caption)


def test_the_newest_run_with_weights_reads_first(open_page, own_run):
    Store().create_run(PRESETS["two-layer"], preset="two-layer")  # newer, but without weights
    page = open_page(drawing_history=History(strokes(4)))
    assert not page.exception
    assert len(page.selectbox[0].options) == 3
    assert page.session_state["reading_network"] == own_run
    assert page.select_slider[0].value == 20
    page.select_slider[0].set_value(10).run()
    assert not page.exception and page.session_state["reading_step"] == 10
    page.selectbox[0].select("default").run()
    assert not page.exception and "4" in texts(page)


def test_a_run_without_weights_is_a_sentence(open_page):
    empty = Store().create_run(PRESETS["two-layer"], preset="two-layer")
    page = open_page(drawing_history=History(strokes(4)), reading_network=empty)
    assert not page.exception
    assert "has no checkpoint yet" in page.error[0].value


def test_an_ended_run_without_weights_is_not_waited_for(open_page):
    store = Store()
    empty = store.create_run(PRESETS["two-layer"], preset="two-layer")
    store.record(empty, Failed(0, 0, "It did not begin."))
    page = open_page(drawing_history=History(strokes(4)), reading_network=empty)
    assert "has no checkpoint. Choose another" in page.error[0].value


def test_a_network_that_has_learnt_nothing_is_named_and_not_the_drawing(open_page, own_run):
    page = open_page(drawing_history=History(strokes(4)), reading_network=own_run)
    assert "?" in texts(page) and "this checkpoint the network is at chance" in shown(page)
    assert "Perhaps this is not a digit" not in shown(page)


def test_a_network_that_cannot_be_loaded_is_a_sentence(open_page, monkeypatch, tmp_path):
    from mnist_core.drawing import pretrained

    load_default_model()
    monkeypatch.setattr(pretrained, "MODEL_FOLDER", tmp_path)
    page = open_page(drawing_history=History(strokes(4)))
    assert not page.exception
    assert "is missing" in page.error[0].value


@pytest.mark.parametrize("first", [True, False])
def test_a_drawing_outlives_a_crash_of_what_computes(open_page, monkeypatch, first):
    """On the first look the network is missing, later only what takes drawings apart."""
    crashed = "TensorFlow crashed in this computation."
    page = None if first else open_page()

    def crash(*_arguments: object, **_more: object) -> None:
        raise ProcessCrashed(crashed)

    with monkeypatch.context() as broken:
        broken.setattr(computing, "run", crash)
        page = page or open_page(drawing_history=History(strokes(4)))
        page.session_state["drawing_history"] = History(strokes(4))
        page.run()
        assert not page.exception
        assert crashed in page.error[0].value
        assert page.button(key="clear_canvas") and page.session_state["drawing_image28"].max() > 0.9
    page.session_state["drawing_history"] = History(HASH)
    settled(page.run(), lambda page: "?" in texts(page))  # the detector, too, is tried again
    assert not page.error


def test_a_network_is_loaded_anew_once_its_process_has_died(monkeypatch):
    default = reader.Reader(NetworkChoice(DEFAULT_MODEL, "Default model"), 0)
    underway = reader.loading(default)
    assert reader.loading(default) is underway
    monkeypatch.setattr(computing, "life", lambda: 1)
    assert reader.loading(default) is not underway


def test_what_is_no_digit_is_read_where_nothing_can_tell(open_page, monkeypatch):
    def crash(*_arguments: object) -> None:
        raise LimitReached("This took too long.")

    monkeypatch.setattr(drawn_digits, "doubt", crash)
    page = open_page(drawing_history=History(HASH))
    assert not page.exception and not page.error
    assert any(text.isdigit() for text in texts(page))


def test_a_step_that_is_turned_off_shows_beside_the_answer(open_page):
    page = open_page(drawing_history=History(strokes(7, size=90, left=10, top=10)))
    before = page.session_state["drawing_image28"]
    page.toggle(key="step_crop").set_value(False).run()
    assert not page.exception
    assert any("Turned off: crop." in caption.value for caption in page.caption)
    assert not np.allclose(page.session_state["drawing_image28"], before)
    assert "No steps: only resized" in shown(page)
    next(button for button in page.button if button.label == "Turn all steps on").click().run()
    assert page.toggle(key="step_crop").value
    assert np.allclose(page.session_state["drawing_image28"], before)


def test_the_nearest_training_images_are_shown(open_page):
    page = open_page(drawing_history=History(strokes(7)))
    settled(page, lambda page: "Training image number" in shown(page))


def test_why_and_what_would_flip_it(open_page):
    page = open_page(drawing_history=History(strokes(1)), drawing_view=WHY)
    settled(page, lambda page: re.search("turns the 1 into a|No short straight", shown(page)))


def failing_once(work):
    """The function, which crashes the first time."""
    calls = itertools.count()

    def called(*arguments: Any) -> Any:
        if not next(calls):
            raise ProcessCrashed("TensorFlow crashed in this computation.")
        return work(*arguments)

    return called


def test_what_failed_in_the_background_is_tried_again(open_page, monkeypatch):
    monkeypatch.setattr(reasons, "smallest_flip_of", failing_once(reasons.smallest_flip_of))
    monkeypatch.setattr(photo_page, "find_photo", failing_once(photo_page.find_photo))
    page = open_page(drawing_history=History(strokes(1)), drawing_view=WHY)
    settled(page, lambda page: page.error)
    assert "reasons_pixels" in str(page.get("bidi_component"))  # what did not fail is there
    settled(page.run(), lambda page: re.search("turns the 1 into a|No short", shown(page)))
    page = open_page(drawing_view=PHOTO)
    image, _ = photo([[3, 1, 4]], seed=3)
    page.file_uploader[0].set_value(("paper.jpg", as_file(image), "image/jpeg")).run()
    settled(page, lambda page: page.error)
    settled(page.run(), lambda page: "3 1 4" in texts(page))


def test_networks_are_compared_and_their_disagreements_found(open_page, own_run):
    page = open_page(drawing_history=History(strokes(4)), drawing_view=COMPARE)
    assert not page.exception
    assert page.multiselect[0].value == [own_run, "default"]
    assert shown(page).count('class="compared"') == 2
    next(b for b in page.button if b.label.startswith("Find test images")).click().run()
    page = settled(page, lambda page: "They disagree on" in shown(page))
    assert "of 10,000 test images" in shown(page)
    # Each disagreement names the networks, by their full names, and marks who is right.
    assert "two-layer · run 1: <strong>" in shown(page)
    assert re.search(r"Default model: <strong>\d</strong> ✓", shown(page))
    # How many each misreads, and their vote: counted here anew.
    data, networks = mnist.load(), {}
    weights = build_model(PRESETS["two-layer"].network).get_weights()
    networks["two-layer · run 1"] = (
        PRESETS["two-layer"].network,
        [weight + np.float32(0.2) for weight in weights],
    )
    networks["Default model"] = (EXPERIMENT.network, load_default_model().get_weights())
    shares = {
        name: probe(network).probabilities(weights, mnist.ink(data.x_test))
        for name, (network, weights) in networks.items()
    }
    wrong = {name: int((each.argmax(1) != data.y_test).sum()) for name, each in shares.items()}
    vote = int((np.mean(list(shares.values()), axis=0).argmax(1) != data.y_test).sum())
    table = page.table[0].value
    assert table["Network"].tolist() == [*map(escaped, wrong), "**Vote of all**"]
    assert table["Misread test images"].tolist() == [f"{n:,}" for n in (*wrong.values(), vote)]


def test_a_run_is_watched_while_it_learns(open_page, own_run):
    page = open_page(drawing_history=History(strokes(4)), drawing_view=LEARN)
    assert not page.exception
    said = [caption.value for caption in page.caption]
    assert any("It has read" in line or "At the end it leans" in line for line in said)


def test_an_answer_counts_from_when_it_is_more_than_a_guess():
    labels = ["before training", "epoch 0.5 · step 5 · ≈ 40.0%", "epoch 1 · step 10 · 80.00%"]
    shares = np.full((3, 10), 0.1, np.float32)
    shares[0, 7] = 0.11  # already its likeliest class, by chance
    shares[1:, 7] = (0.3, 0.9)
    said = in_words(shares, labels, "7")
    assert "since epoch 1 · step 10;" in said and "chance: 10%" in said
    assert "leans towards 7, with a probability of 30%" in in_words(shares[:2], labels[:2], "7")


def test_without_runs_there_is_nothing_to_watch(open_page):
    page = open_page(drawing_history=History(strokes(4)), drawing_view=LEARN)
    assert not page.exception
    assert "Train a network" in page.info[0].value


def test_a_correction_is_kept_and_taught(open_page, own_run):
    page = open_page(drawing_history=History(strokes(4)), drawing_view=TEACH)
    page.button(key="it_was_9").click().run()
    assert not page.exception
    assert corrections.load(Store(), "local").labels.tolist() == [9]
    assert any("Saved as a 9" in caption.value for caption in page.caption)
    page.button(key="teach").click().run()
    page = settled(page, lambda page: page.metric)
    assert "Test accuracy" in page.metric[0].label
    keep = next(b for b in page.button if b.label.startswith("Save the trained copy"))
    keep.click().run()
    assert not page.exception
    names = [run.name for run in Store().runs()]
    assert len(names) == 2 and "taught 1 drawing" in names[0]


def test_a_photo_is_read_and_a_broken_one_is_a_sentence(open_page):
    page = open_page(drawing_view=PHOTO)
    image, _ = photo([[3, 1, 4]], seed=3)
    page.file_uploader[0].set_value(("paper.jpg", as_file(image), "image/jpeg")).run()
    page = settled(page, lambda page: "3 1 4" in texts(page))
    # What the network sees of a digit, step by step, as for a drawing.
    first = re.findall(r'src="([^"]*)" alt="After the step [^"]*"', shown(page))
    assert len(first) == len(STEPS_OF_A_DRAWING) and "No steps: only resized" in shown(page)
    page.button_group(key="photo_digit_of_3").set_value(2).run()
    assert not page.exception
    last = re.findall(r'src="([^"]*)" alt="After the step [^"]*"', shown(page))
    assert len(last) == len(first) and set(last).isdisjoint(first)
    many, _ = photo([[3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9]], seed=3, size=100)
    page.file_uploader[0].set_value(("many.jpg", as_file(many), "image/jpeg")).run()
    page = settled(page, lambda page: any("13" in str(menu.key) for menu in page.selectbox))
    assert page.selectbox(key="photo_digit_of_13").options[7].endswith("(line 2, 1st)")
    page.file_uploader[0].set_value(("paper.png", b"no picture", "image/png")).run()
    page = settled(page, lambda page: page.error)
    assert "not a PNG" in page.error[0].value
