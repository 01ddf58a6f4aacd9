"""The class of this visitor: as its teacher, as one of its pupils; its board, read for all at once.

Only a shared server has classes: on a lab of one's own everybody is the same person.
"""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from mnist_core.base.once import once
from mnist_core.classrooms import board, classrooms
from mnist_core.classrooms.board import Board, Entry, Misread
from mnist_core.classrooms.classrooms import Classroom, ClassroomRefused, Membership
from mnist_core.classrooms.codes import Guesses
from mnist_core.classrooms.rules import Rules
from mnist_core.figures.curves import RunCurves
from mnist_core.visitors.address_limits import newcomer_problem
from mnist_core.visitors.limits import current
from pages.session.services import owner, shared_store
from pages.session.visitor import address
from pages.widgets.run_curves import run_curves

# All who look at a board see the same one, read at most so often.
BOARD_SECONDS = 2.0
MISREAD_SECONDS = 10.0


def has_classes() -> bool:
    """True when this server has classes at all."""
    return current().public


def taught() -> list[Classroom]:
    """The classes that this visitor has opened. Raises StoreError."""
    return classrooms.of_teacher(shared_store(), owner()) if has_classes() else []


def membership() -> Membership | None:
    """The class that this visitor is in as a pupil. Raises StoreError."""
    return classrooms.of_pupil(shared_store(), owner()) if has_classes() else None


def open_class(title: str, days: int) -> Classroom:
    """Open a class of this visitor's. Raises ClassroomRefused and StoreError."""
    store, teacher, where = shared_store(), owner(), address()
    if problem := newcomer_problem(store, teacher, where, current()):
        raise ClassroomRefused(problem)
    return classrooms.open_classroom(store, teacher, title, days, where)


def still(room: str, teaches: bool) -> Classroom | None:
    """The class as it is now; None once its board is not this visitor's to look at any more."""
    if teaches:
        return next((found for found in taught() if found.id == room), None)
    member = membership()
    if member is None or member.classroom.id != room or not member.classroom.shared:
        return None
    return member.classroom


@once
def guesses() -> Guesses:
    """Wrong codes that this server has been given."""
    return Guesses()


# What follows is asked for by a page that has found the class by `taught` or `membership`.


def board_of(classroom: Classroom) -> Board:
    """The class's board as it was within the last seconds."""
    return _board(classroom.id, classroom.rules, classroom.ended, classroom)


@st.cache_resource(ttl=BOARD_SECONDS, max_entries=100, show_spinner=False)
def _board(key: str, rules: Rules, ended: datetime | None, _classroom: Classroom) -> Board:
    return board.read_board(shared_store(), _classroom)


def curves_of(entries: list[Entry]) -> list[RunCurves]:
    """The recorded metrics of runs on the board, under their pupils' names."""
    return _curves(tuple((entry.run, entry.nickname) for entry in entries))


@st.cache_resource(ttl=BOARD_SECONDS, max_entries=100, show_spinner=False)
def _curves(runs: tuple[tuple[str, str], ...]) -> list[RunCurves]:
    store = shared_store()
    curves = []
    for run_id, nickname in runs:
        if (run := store.run(run_id)) is not None:
            found = run_curves(store, run)
            curves.append(RunCurves(nickname, found.step, found.loss, found.accuracy))
    return curves


def misread_most(classroom: Classroom, entries: list[Entry]) -> list[Misread]:
    """The test images that most of these networks misread."""
    return _misread(classroom.id, tuple(entry.run for entry in entries), entries)


@st.cache_resource(ttl=MISREAD_SECONDS, max_entries=100, show_spinner=False)
def _misread(key: str, runs: tuple[str, ...], _entries: list[Entry]) -> list[Misread]:
    return board.misread_most(shared_store(), _entries)
