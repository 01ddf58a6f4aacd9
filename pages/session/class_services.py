"""The class of this visitor: as its teacher, as one of its pupils; its board, read for all at once.

Only a shared server has classes: on a lab of one's own everybody is the same person.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.base.once import once
from mnist_core.classrooms import board, classrooms
from mnist_core.classrooms.board import Board, Entry, Misread
from mnist_core.classrooms.classrooms import Classroom, Membership
from mnist_core.classrooms.codes import Guesses
from mnist_core.classrooms.rules import Rules
from mnist_core.figures.curves import RunCurves
from mnist_core.inspection.activations import WeightsError, probe
from mnist_core.storage.store import StoreError
from mnist_core.visitors.limits import current
from pages.session.services import owner, shared_store
from pages.widgets.run_curves import run_curves

# All who look at a board see the same one, read at most so often.
BOARD_SECONDS = 2.0
MISREAD_SECONDS = 10.0

Probabilities = npt.NDArray[np.float32]


def has_classes() -> bool:
    """True when this server has classes at all."""
    return current().public


def taught() -> list[Classroom]:
    """The classes that this visitor has opened. Raises StoreError."""
    return classrooms.of_teacher(shared_store(), owner()) if has_classes() else []


def membership() -> Membership | None:
    """The class that this visitor is in as a pupil. Raises StoreError."""
    return classrooms.of_pupil(shared_store(), owner()) if has_classes() else None


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


def curves_of(entry: Entry) -> RunCurves | None:
    """The recorded metrics of a run on the board, under its pupil's name."""
    store = shared_store()
    run = store.run(entry.run)
    if run is None:
        return None
    found = run_curves(store, run)
    return RunCurves(entry.nickname, found.step, found.loss, found.accuracy)


def misread_most(classroom: Classroom, entries: list[Entry]) -> list[Misread]:
    """The test images that most of these networks misread."""
    return _misread(classroom.id, tuple(entry.run for entry in entries), entries)


@st.cache_resource(ttl=MISREAD_SECONDS, max_entries=100, show_spinner=False)
def _misread(key: str, runs: tuple[str, ...], _entries: list[Entry]) -> list[Misread]:
    return board.misread_most(shared_store(), _entries)


@once
def _reader() -> ThreadPoolExecutor:
    """Has the networks of classes read drawings, one after the other: nothing waits for it."""
    return ThreadPoolExecutor(1, "class-reader")


def reading_of(entry: Entry, drawing: bytes) -> Future[Probabilities | None]:
    """The reading of a drawing, uint8 [28, 28], by a run's newest weights; None without weights."""
    return _reading(entry.run, entry.epoch, entry.status, drawing, entry)


@st.cache_resource(max_entries=1000, show_spinner=False)
def _reading(
    run: str, epoch: int, status: str, drawing: bytes, _entry: Entry
) -> Future[Probabilities | None]:
    store = shared_store()

    def read() -> Probabilities | None:
        try:
            weights = store.weights(run)
            if weights is None:
                return None
            pixels = np.frombuffer(drawing, np.uint8).reshape(1, 28, 28)
            image = (pixels / 255).astype(np.float32)
            network = probe(_entry.experiment.network)
            return np.asarray(network.probabilities(weights, image)[0], np.float32)
        except (StoreError, WeightsError):
            return None

    return _reader().submit(read)
