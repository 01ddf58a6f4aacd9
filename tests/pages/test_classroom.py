"""The tab Class: a teacher opens one, pupils join it, the board shows what they train."""

from __future__ import annotations

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core.base.paths import REPOSITORY
from mnist_core.classrooms import classrooms
from mnist_core.classrooms.board import read_board
from mnist_core.classrooms.codes import Guesses
from mnist_core.classrooms.codes import shown as code_shown
from mnist_core.storage.store import Store
from mnist_core.visitors.identity import new_token, owner_of
from pages.session import class_readings, class_services
from pages.session.explore_tabs import CLASS
from pages.session.visitor import IN_SESSION
from pages.views.explore import class_board
from tests.classrooms.test_classrooms import LARGE, SMALL, trained
from tests.support.train_page import button, errors, plain_again, press

NASTY = "<b>$x$ [a](//b)"


@pytest.fixture(autouse=True)
def public(monkeypatch):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


class Visitor:
    """Somebody's browser at the tab Class."""

    def __init__(self, **query: str) -> None:
        self.token = new_token()
        self.owner = owner_of(self.token)
        self.app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60)
        self.app.session_state[IN_SESSION] = self.token
        self.app.session_state["explore_view"] = CLASS
        for name, value in query.items():
            self.app.query_params[name] = value
        self.open()

    def open(self, page: str = "explore") -> None:
        self.app.switch_page(f"pages/{page}.py").run()
        assert not self.app.exception, self.app.exception

    def words(self) -> str:
        kinds = (self.app.markdown, self.app.info, self.app.caption, self.app.subheader)
        return plain_again("\n".join(item.value for kind in kinds for item in kind))

    def fill(self, key: str, value: object) -> None:
        for kind in (self.app.text_input, self.app.number_input):
            for item in kind:
                if item.key == key:
                    item.set_value(value)
                    return
        raise AssertionError(f"no field “{key}”")


def opened(store: Store, title: str = "8b") -> tuple[Visitor, classrooms.Classroom]:
    teacher = Visitor()
    teacher.fill("class_title", title)
    press(teacher.app, "Open")
    return teacher, classrooms.of_teacher(store, teacher.owner)[0]


def joined(code: str, name: str) -> Visitor:
    pupil = Visitor(**{"class": code})
    pupil.fill("class_nickname", name)
    press(pupil.app, "Join")
    return pupil


def test_a_lab_of_ones_own_has_no_classes(monkeypatch):
    monkeypatch.delenv("MNIST_LAB_PUBLIC")
    visitor = Visitor()
    assert "a server that several people share" in visitor.words()
    assert not [item for item in visitor.app.button if item.label in ("Join", "Open")]


def test_from_the_code_to_the_board(store: Store):
    teacher, room = opened(store, NASTY)
    assert code_shown(room.code) in teacher.words() and NASTY in teacher.words()
    assert "Nobody has trained yet" in teacher.words()
    pupil = joined(room.code, NASTY[:20])
    assert NASTY[:20] in pupil.words() and "Your teacher sees" in pupil.words()
    trained(store, pupil.owner, 0.9613)
    st.cache_resource.clear()
    teacher.open()
    assert "1 pupil, 1 with a network" in teacher.words() and "96.13%" in teacher.words()
    for view in class_board.VIEWS:
        teacher.app.session_state["board_view"] = view
        teacher.open()
    # The pupil sees the board once the teacher lets them.
    classrooms.change(store, teacher.owner, room.id, shared=True)
    pupil.open()
    assert "96.13%" in pupil.words()


def test_a_teacher_who_follows_a_link_of_theirs_sees_that_class(store: Store):
    teacher, first = opened(store)
    second = classrooms.open_classroom(store, teacher.owner, "9c")
    for room in (first, second):
        teacher.app.query_params["class"] = room.code
        teacher.open()
        assert code_shown(room.code) in teacher.words()
        assert "Join a class" not in teacher.words()


def test_a_wrong_code_and_a_taken_name_are_sentences(store: Store):
    _, room = opened(store)
    lost = joined("ABCD-EFGH", "Ben")
    assert "No class has this code" in errors(lost.app)
    joined(room.code, "Ada")
    late = joined(room.code, "ADA")
    assert "is called “ADA” already" in errors(late.app)
    assert classrooms.of_pupil(store, late.owner) is None


def test_leaving_takes_the_pupil_and_the_runs_off_the_board(store: Store):
    _, room = opened(store)
    pupil = joined(room.code, "Ada")
    run = trained(store, pupil.owner)
    press(pupil.app, "Leave the class")
    assert button(pupil.app, "Join") and store.run(run) is not None
    assert classrooms.pupils(store, room.id) == []


def test_the_challenge_is_told_where_pupils_train(store: Store):
    teacher, room = opened(store)
    teacher.fill(f"class_parameters_{room.id}", 5_000)
    teacher.app.run()
    assert classrooms.of_teacher(store, teacher.owner)[0].most_parameters == 5_000
    pupil = joined(room.code, "Ada")
    pupil.open("train")
    assert "In the class 8b as Ada" in pupil.words().replace("**", "")
    assert "breaks a rule: " in pupil.words()
    trained(store, pupil.owner, 0.99, LARGE)
    trained(store, pupil.owner, 0.90, SMALL)
    st.cache_resource.clear()
    teacher.open()
    assert "best: **Ada**, 90.00%" in teacher.words()


def test_a_strangers_board_is_nobodys(store: Store):
    """A pupil of one class, and a teacher of another, see nothing of it."""
    _, room = opened(store)
    pupil = joined(room.code, "Ada")
    trained(store, pupil.owner, 0.9613)
    other, theirs = opened(store, "9a")
    strange = joined(theirs.code, "Eve")
    classrooms.change(store, other.owner, theirs.id, shared=True)
    for visitor in (other, strange):
        visitor.app.session_state["class_shown"] = room.id
        visitor.open()
        assert "Ada" not in visitor.words() and "96.13%" not in visitor.words()


def test_ending_and_forgetting(store: Store):
    teacher, room = opened(store)
    pupil = joined(room.code, "Ada")
    run = trained(store, pupil.owner)
    press(teacher.app, "End the class")
    assert classrooms.of_teacher(store, teacher.owner)[0].ended is not None
    next(box for box in teacher.app.checkbox if "needed any more" in box.label).check().run()
    press(teacher.app, "Forget everything in it")
    assert classrooms.of_teacher(store, teacher.owner) == [] and store.run(run) is None
    assert button(teacher.app, "Open")
    pupil.open()
    assert button(pupil.app, "Join")


def test_whoever_tries_codes_out_is_stopped(store: Store, monkeypatch):
    used = Guesses()
    monkeypatch.setattr(class_services, "guesses", lambda: used)
    _, room = opened(store)
    guesser = Visitor(**{"class": "AAAA-AAAA"})
    for _ in range(10):
        guesser.fill("class_nickname", "Eve")
        press(guesser.app, "Join")
    guesser.fill("class_code", room.code)
    guesser.fill("class_nickname", "Eve")
    press(guesser.app, "Join")
    assert "Too many wrong codes" in errors(guesser.app)


def test_classes_and_pupils_are_told_apart_in_menus(store: Store):
    teacher, room = opened(store, NASTY)
    classrooms.open_classroom(store, teacher.owner, NASTY)
    joined(room.code, NASTY[:20])
    teacher.app.session_state["class_shown"] = room.id
    teacher.open()
    shown = next(box for box in teacher.app.selectbox if box.label == "Show")
    assert sorted(shown.options) == [NASTY, f"{NASTY} (2)"]
    out = next(box for box in teacher.app.selectbox if box.label == "Send out")
    assert out.options == [NASTY[:20]]
    out.select_index(0).run()
    press(teacher.app, "Send out")
    assert classrooms.pupils(store, room.id) == []
    (now,) = [other for other in classrooms.of_teacher(store, teacher.owner) if other.id == room.id]
    assert now.code != room.code and code_shown(now.code) in teacher.words()


def test_who_was_not_taken_in_opens_no_class(store: Store, monkeypatch):
    problem = "This server’s limit of new visitors is reached."
    monkeypatch.setattr(class_services, "newcomer_problem", lambda *_: problem)
    visitor = Visitor()
    visitor.fill("class_title", "8b")
    press(visitor.app, "Open")
    assert problem in errors(visitor.app)
    assert classrooms.of_teacher(store, visitor.owner) == []


def test_a_reading_is_tried_again_and_never_raises(store: Store, monkeypatch):
    teacher, room = opened(store)
    pupil = joined(room.code, "Ada")
    trained(store, pupil.owner)
    classrooms.show_drawing(store, teacher.owner, room.id, bytes(784))
    (entry,) = read_board(store, room).entries
    monkeypatch.setattr(class_readings, "shared_store", lambda: store)
    read = np.full(10, 0.1, np.float32)

    def ask(*, weights, drawing: bytes = bytes(784)):
        monkeypatch.setattr(store, "weights", weights)
        found = class_readings.reading_of(room.id, entry, drawing)
        class_readings._reader().submit(int).result(timeout=60)  # all that waits is done
        return found.job.result()

    class Reads:
        def probabilities(self, weights, image):
            return read[None]

    def breaks(run: str) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(class_readings, "probe", lambda network: Reads())
    assert ask(weights=breaks) is None
    monkeypatch.setattr(class_readings, "RETRY_SECONDS", -1.0)
    assert ask(weights=lambda run: [read]) is None  # the old one stands for this look
    assert ask(weights=breaks).tolist() == read.tolist()
    # A drawing that is no longer the class's is not read.
    assert ask(weights=lambda run: [read], drawing=b"1" * 784) is None
