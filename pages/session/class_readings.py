"""A teacher's drawing as the networks of the class read it, one after the other, in a thread."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.base.once import once
from mnist_core.classrooms import classrooms
from mnist_core.classrooms.board import Entry
from mnist_core.inspection.activations import WeightsError, probe
from mnist_core.storage.store import Store, StoreError
from pages.session.services import shared_store

log = logging.getLogger(__name__)

# How long a reading is kept, and how soon one is tried again that has failed.
KEPT_SECONDS, RETRY_SECONDS = 600.0, 10.0
# Readings of all classes that wait for their turn; more are refused and tried again later.
MOST_WAITING = 500

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """A reading under way or done; `since` is when it was asked for, by the steady clock."""

    job: Future[Probabilities | None]
    since: float

    @property
    def failed(self) -> bool:
        """True when it is done and nothing was read."""
        return self.job.done() and self.job.result() is None


@once
def _reader() -> ThreadPoolExecutor:
    """Has the networks of classes read drawings: nothing waits for it."""
    return ThreadPoolExecutor(1, "class-reader")


@once
def _places() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(MOST_WAITING)


def reading_of(room: str, entry: Entry, drawing: bytes) -> Reading:
    """The reading of the class's drawing, uint8 [28, 28], by a run's newest weights.

    Its result is None where nothing could be read, say without weights; it never raises.
    """
    asked = (room, entry.run, entry.epoch, entry.status, drawing, entry)
    found = _reading(*asked)
    if found.failed and time.monotonic() - found.since > RETRY_SECONDS:
        # Tried again for those who look next; until then the old one stands.
        _reading.clear(*asked)
        _reading(*asked)
    return found


@st.cache_resource(ttl=KEPT_SECONDS, max_entries=2000, show_spinner=False)
def _reading(
    room: str, run: str, epoch: int, status: str, drawing: bytes, _entry: Entry
) -> Reading:
    store, now = shared_store(), time.monotonic()
    if not _places().acquire(blocking=False):
        nothing: Future[Probabilities | None] = Future()
        nothing.set_result(None)
        return Reading(nothing, now)
    job = _reader().submit(_read, store, room, _entry, drawing)
    job.add_done_callback(lambda _: _places().release())
    return Reading(job, now)


def _read(store: Store, room: str, entry: Entry, drawing: bytes) -> Probabilities | None:
    """Have the network read it; None where it cannot, or nobody looks at that drawing any more."""
    try:
        if classrooms.drawing_of(store, room) != drawing:
            return None
        weights = store.weights(entry.run)
        if weights is None:
            return None
        pixels = np.frombuffer(drawing, np.uint8).reshape(1, 28, 28)
        image = (pixels / 255).astype(np.float32)
        network = probe(entry.experiment.network)
        return np.asarray(network.probabilities(weights, image)[0], np.float32)
    except (StoreError, WeightsError):
        return None
    except Exception:
        log.exception("a network of a class read nothing", extra={"run": entry.run})
        return None
