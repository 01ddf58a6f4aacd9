"""The first minute: train a network, let it read a digit of one's own, look inside it.

A strip at the head of each page shows the three steps; the one to take now is its button. The
browser remembers how far it went. Whoever skips it, or has been through it, does not see it again
unless they ask for it (in the page's help); nor does anyone who already had runs.
"""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from mnist_core import PRESETS
from mnist_core.storage.store import Run, StoreError
from mnist_core.visitors.limits import Refused
from pages.editors import draft
from pages.frame import projector
from pages.session import browser_storage, start_error
from pages.session.open_elsewhere import has_weights, let_it_read, look_inside, prepare_reading
from pages.session.services import get_engine, get_store, owner

NAME = "tour"
TRAIN, READ, INSIDE, DONE, CLOSED = STAGES = ("train", "read", "inside", "done", "closed")
STEPS = {TRAIN: "Train a network", READ: "Let it read your digit", INSIDE: "Look inside it"}
# Its curve explains itself: plain settings, a loss that falls towards zero.
PRESET = "cnn"
LOOK_AGAIN_SECONDS = 1.0


def stage() -> str:
    """The step of the tour that the visitor has reached."""
    kept = browser_storage.read(NAME)
    if kept not in STAGES:
        kept = CLOSED if get_store().runs(owner(), limit=1) else TRAIN
        browser_storage.write(NAME, kept)
    return kept


def begin() -> None:
    """Callback: show the tour (again), from its first step."""
    browser_storage.write(NAME, TRAIN)
    st.session_state.tour_from = _newest_id()


def has_read() -> None:
    """Note that the visitor's own network has read a drawing: the strip on Draw goes on by itself.

    Not by running the page again: that would swallow a press on the navigation just then.
    """
    if browser_storage.read(NAME) == READ:
        browser_storage.write(NAME, INSIDE)


def strip(page: str) -> None:
    """The tour on the page at this path, while there is any."""
    with suppress(StoreError):  # the page says so; the tour can wait
        _on(page)


def _on(page: str) -> None:
    now = stage()
    if now == INSIDE and page == "inspect":
        now = DONE
        browser_storage.write(NAME, DONE)
    elif now == DONE and page != "inspect":
        now = CLOSED
        browser_storage.write(NAME, CLOSED)
    if now != CLOSED and page != "status" and not projector.is_on():
        run = _run() if now == TRAIN else None
        trains = run is not None and run.active
        waits = run is not None and _waits_on_train(run, page)
        changes = (trains and not waits) or (now == READ and page == "draw")
        st.fragment(_strip, run_every=LOOK_AGAIN_SECONDS if changes else None)(page, trains)


def _waits_on_train(run: Run, page: str) -> bool:
    """True for a queued run on the page Train, which runs as a whole when the run starts."""
    return (
        page == "train" and run.status == "queued" and st.session_state.get("shown_run") == run.id
    )


def _strip(page: str, trained: bool) -> None:
    with suppress(StoreError):
        _steps(page, trained)
    browser_storage.flush("tour")  # a drawing is read without a run of the whole page


def _steps(page: str, trained: bool) -> None:
    now, run = stage(), _run()
    if now == CLOSED:
        st.rerun()  # it has been skipped
    if now == TRAIN and run is not None and _can_read(run):
        now = READ
        browser_storage.write(NAME, READ)
        prepare_reading(run.id)
    trains = now == TRAIN and run is not None and run.active
    if trains != trained:
        st.rerun()  # looking again starts and ends with the training
    with st.container(key="tour", horizontal=True, vertical_alignment="center", gap="small"):
        for number, name in enumerate(STEPS, 1):
            _step(number, name, now, page, run)
        if now == DONE:
            if st.button("Go on with the lesson", key="tour_lesson", type="primary"):
                browser_storage.write(NAME, CLOSED)
                st.switch_page("pages/learn.py", query_params={"chapter": "1"})
        else:
            st.button(
                "Skip",
                key="tour_skip",
                type="tertiary",
                help="Do not show these steps again",
                on_click=browser_storage.write,
                args=(NAME, CLOSED),
            )


def _step(number: int, name: str, now: str, page: str, run: Run | None) -> None:
    """One step: behind the visitor, to be taken now, or ahead."""
    if STAGES.index(now) > STAGES.index(name):
        with st.container(key=f"tour_{name}_behind", width="content"):
            st.markdown(f":material/check: {STEPS[name]}")
    elif now != name:
        with st.container(key=f"tour_{name}_ahead", width="content"):
            st.markdown(f"{number}\u2002{STEPS[name]}")
    elif name == TRAIN and run is not None and run.active:
        # The page Train says itself how long it takes.
        _now(f":material/hourglass_top: Training…{'' if page == 'train' else _time_left(run)}")
    elif name == READ and page == "draw":
        _now(":material/draw: Draw a digit")
    elif st.button(f"{number}\u2002{STEPS[name]}", key=f"tour_{name}", type="primary"):
        _take(name, run)


def _now(words: str) -> None:
    """The step that goes on, where there is nothing to press."""
    with st.container(key="tour_now", width="content"):
        st.markdown(words)


def _can_read(run: Run) -> bool:
    """True when the run is worth a try: it has been through an epoch, or has ended."""
    return has_weights(run) and (run.val_accuracy is not None or not run.active)


def _time_left(run: Run) -> str:
    return "" if run.seconds_left is None else f": {max(1, round(run.seconds_left))} s left"


def _take(name: str, run: Run | None) -> None:
    """Go where this step happens."""
    if name == TRAIN:
        _start()
    elif run is not None and name == READ:
        let_it_read(run.id)
    elif run is not None:
        look_inside(run.id)


def _start() -> None:
    """Train the quick network; what stands against it is said on the page Train."""
    try:
        draft.start_over(PRESETS[PRESET])
        st.session_state.shown_run = get_engine().start(PRESETS[PRESET], preset=PRESET)
    except (Refused, StoreError) as error:
        start_error.tell(str(error))
    st.switch_page("pages/train.py", query_params={"preset": PRESET})


def _run() -> Run | None:
    """The visitor's newest run; none that was there when the tour was asked for again."""
    newest = next(iter(get_store().runs(owner(), limit=1)), None)
    before = st.session_state.get("tour_from")
    return None if newest is not None and newest.id == before else newest


def _newest_id() -> str | None:
    return next((run.id for run in get_store().runs(owner(), limit=1)), None)
