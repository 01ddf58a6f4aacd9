"""From one page to the next with the same run: it reads, is looked into, shows its curves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import streamlit as st

from mnist_core.storage.store import Run
from pages.session.network_choice import forget_choices, forget_snapshots


def has_weights(run: Run) -> bool:
    """True when the run has kept weights that training has changed."""
    return bool(run.checkpoint_step)


def open_buttons(
    run_id: str,
    place: str,
    before_train: Callable[[], None] = lambda: None,
    on_train: str = "Its curves.",
) -> None:
    """Buttons that open a run on the other pages; `place` begins their keys.

    `before_train` is called before Train opens; `on_train` says what is found there.
    """
    if st.button("Look inside", key=f"{place}_inside", icon=":material/frame_inspect:"):
        look_inside(run_id)
    if st.button("Draw", key=f"{place}_draw", icon=":material/draw:"):
        let_it_read(run_id)
    if st.button("Train", key=f"{place}_train", icon=":material/model_training:", help=on_train):
        st.session_state.shown_run = run_id
        before_train()
        st.switch_page("pages/train.py")


def let_it_read(run_id: str) -> NoReturn:
    """Go to Draw, where this run reads."""
    st.session_state.reading_network, st.session_state.reading_step = run_id, None
    _renew()
    st.switch_page("pages/draw.py")


def prepare_reading(run_id: str) -> None:
    """Load the run's network in the background, seconds before it is asked to read."""
    from pages.session.reader import NotReadable, prepare

    _renew()
    with suppress(NotReadable):  # then Draw says why
        prepare(run_id)


def look_inside(run_id: str, step: int | None = None, image: int | None = None) -> NoReturn:
    """Go to Look inside with this run, at its newest snapshot or the one of `step`.

    With test image `image`, else with the visitor's drawing where there is one.
    """
    from pages.session.inspect_state import DRAWING, place

    here = place()
    here.open_run(run_id)
    here.step, here.layer, here.unit = step, None, None
    if image is not None:
        here.look_at(image)
    elif st.session_state.get("drawing_image28") is not None:
        here.source = DRAWING
    _renew()
    st.switch_page("pages/inspect.py")


def _renew() -> None:
    forget_choices()
    forget_snapshots()
