"""The visitor's place on the page Look inside; kept in the session, mirrored in the address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mnist_core.data import mnist
from mnist_core.data.custom import MAX_IMAGES
from pages.session.data_sets import dataset_of
from pages.session.network_choice import choice_of

VIEWS = {
    "network": "Network",
    "weights": "Weights",
    "edit": "Change it",
    "backward": "Backward",
    "mistakes": "Mistakes",
    "robustness": "Robustness",
}
# How long a snapshot is shown while the page plays the training.
PLAY_SECONDS = 0.8
TEST, DRAWING = "Test image", "My drawing"


@dataclass
class Place:
    """Network, snapshot (`step` None is the newest), input, view and opened layer.

    `is_given` says that the input is not the first one by default: chosen, or named by a link.
    `missing`: the address named a run that is not there; said until another network is chosen.
    `played_at` is when play last went on, on the clock `time.monotonic`.
    """

    run: str | None = None
    step: int | None = None
    source: str = TEST
    index: int = 0
    view: str = "network"
    layer: str | None = None
    unit: tuple[int, ...] | None = None
    is_given: bool = False
    playing: bool = False
    missing: bool = False
    played_at: float = 0.0

    def look_at(self, index: int) -> None:
        """Make a test image the input."""
        self.source, self.index, self.is_given = TEST, max(index, 0), True

    def open_run(self, run: str | None) -> None:
        """Show this network; another one than before from its newest checkpoint on."""
        if run != self.run:
            self.step = self.layer = self.unit = None
            self.playing = False
        self.run, self.missing = run, False


def place() -> Place:
    """The session's place; the same object in each run, to be changed by callbacks."""
    if "inspect_place" not in st.session_state:
        st.session_state.inspect_place = Place()
    found: Place = st.session_state.inspect_place
    return found


def has_ended(key: str, trains: bool) -> bool:
    """True once for a network that trained when the page was drawn last, and does no more."""
    before = st.session_state.get("inspect_trained")
    st.session_state.inspect_trained = key if trains else None
    return before == key and not trains


def steered(name: str, value: Any, changed: Callable[[Any], None]) -> dict[str, Any]:
    """Key and callback of a widget that shows `value`, whoever changed it last.

    `changed` hears of the visitor's changes. The key stays while only they change the value, so
    that the keyboard's focus stays too. When the page has changed it (play, a press on a picture)
    the key is a new one: a browser that has not heard of the change yet sends the old value along
    with its next request, which would otherwise count as a wish.
    """
    versions: dict[str, int] = st.session_state.setdefault("inspect_versions", {})

    def newest() -> str:
        return f"{name}-{versions[name]}" if name in versions else name

    if newest() in st.session_state and st.session_state[newest()] != value:
        versions[name] = versions.get(name, 0) + 1
    key = newest()
    st.session_state[key] = value

    def heard() -> None:
        if key == newest():
            changed(st.session_state[key])

    return {"key": key, "on_change": heard}


def load() -> list[str]:
    """Go where the address says, when it is new; returns sentences about what it got wrong."""
    query = st.query_params.to_dict()
    if not query or query == st.session_state.get("inspect_query"):
        return []
    st.session_state.inspect_query = query
    here, wrong = place(), []
    here.open_run(query.get("run", here.run))
    here.layer = query.get("layer", here.layer)
    view = query.get("view", here.view)
    if view in VIEWS:
        here.view = view
    else:
        wrong.append(f"There is no such view; the views are {', '.join(VIEWS)}.")
    last = _last_image(here.run)
    for name, low, high in (("step", 0, 10**9), ("image", 0, last)):
        if name not in query:
            continue
        if query[name].isdecimal() and len(query[name]) < 12 and low <= int(query[name]) <= high:
            if name == "image":
                here.look_at(int(query[name]))
            else:
                here.step = int(query[name])
        else:
            wrong.append(f"“{name}” in the address is a whole number from {low} to {high:,}.")
    return wrong


def _last_image(run: str | None) -> int:
    """The number of the last test image that a link may ask for."""
    choice = choice_of(run)
    try:
        data = mnist.load() if choice is None else dataset_of(choice.experiment)
    except mnist.DatasetError:
        return MAX_IMAGES  # the page says that they are not here
    return len(data.y_test) - 1


def show_in_url() -> None:
    """Put the place into the address bar, so that the link can be copied."""
    here = place()
    query: dict[str, Any] = {"run": here.run, "view": here.view, "layer": here.layer}
    query["step"] = None if here.step is None else str(here.step)
    query["image"] = str(here.index) if here.source == TEST and here.is_given else None
    query = {name: value for name, value in query.items() if value is not None}
    st.session_state.inspect_query = query
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
