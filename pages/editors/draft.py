"""The experiment being composed in this session: edited by widgets, mirrored in the URL.

The draft is plain nested dicts, because it may be wrong for a moment; `experiment` says whether
it holds together. Widgets call `edit` and `edit_layers` from their callbacks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st

from mnist_core import PRESETS, Experiment, ExperimentError, Problem
from mnist_core.experiment import layers as layer_types
from mnist_core.experiment.class_links import HIDE, draw_seed, parse_hidden, write_hidden
from mnist_core.experiment.shapes import CLASSES, LayerShape
from mnist_core.experiment.spec import MNIST, parse_network
from pages.session import start_error

FIRST_PRESET = "cnn"
# Parameters of the page itself, which are no part of an experiment.
PAGE_PARAMETERS = ("run", "embed", "embed_options", HIDE)
# How many changes can be taken back.
MOST_UNDONE = 30

Draft = dict[str, Any]
Path = tuple[str | int, ...]


def load() -> None:
    """Make sure there is a draft: from the URL when it brings a new one, else the session's."""
    state = st.session_state
    if HIDE in st.query_params:
        state.hidden_controls, unknown = parse_hidden(st.query_params[HIDE])
        if unknown:
            start_error.tell(
                f"This link hides “{unknown[0][:40]}”, which is no control here.", stays=True
            )
    query = {k: v for k, v in st.query_params.to_dict().items() if k not in PAGE_PARAMETERS}
    if query and query != state.get("draft_query"):
        state.draft_query = query
        try:
            replace(Experiment.from_query(draw_seed(query)))
        except ExperimentError as error:
            start_error.tell(f"This link does not hold an experiment. {error}", stays=True)
    if "draft" not in state:
        replace(PRESETS[FIRST_PRESET])


def hidden_controls() -> frozenset[str]:
    """The groups of controls that a link has hidden in this session (see `class_links`)."""
    hidden: frozenset[str] = st.session_state.get("hidden_controls", frozenset())
    return hidden


def shown(group: str) -> bool:
    """True when a group of controls is shown in this session."""
    return group not in hidden_controls()


def replace(experiment: Experiment) -> None:
    """Start over from `experiment`; all widgets show its values."""
    st.session_state.draft = experiment.model_dump(mode="json")
    renew_widgets()


def start_over(experiment: Experiment) -> None:
    """Replace what the person may have composed by `experiment`; `undo` brings it back."""
    _note_for_undo()
    replace(experiment)


def choose_preset(name: str) -> None:
    """Start over from a preset, on the data set that is chosen already."""
    _note_for_undo()
    data, classes = data_set()
    replace(PRESETS[name])
    use_data(data, classes)


def data_set() -> tuple[str, int]:
    """The draft's data set and its number of classes."""
    current = st.session_state.draft
    return current.get("data", MNIST), current["network"].get("classes", CLASSES)


def use_data(data: str, classes: int) -> None:
    """Train the draft on another data set, of so many classes."""
    if "draft" not in st.session_state:
        replace(PRESETS[FIRST_PRESET])
    st.session_state.draft["data"] = data
    st.session_state.draft["network"]["classes"] = classes
    renew_widgets()


def renew_widgets() -> None:
    """Give the draft's widgets new keys, so that they show the draft and not their own memory."""
    st.session_state.draft_version = st.session_state.get("draft_version", 0) + 1


def experiment() -> tuple[Experiment | None, tuple[Problem, ...]]:
    """The draft as an experiment, or None and what is wrong with it."""
    try:
        return Experiment.parse(st.session_state.draft), ()
    except ExperimentError as error:
        return None, error.problems


def shapes() -> tuple[LayerShape, ...] | None:
    """The shapes of the draft's network, also where its training is wrong; None where it is not."""
    try:
        return parse_network(st.session_state.draft["network"]).shapes()
    except ExperimentError:
        return None


def show_in_url(valid: Experiment) -> None:
    """Put the experiment into the address bar, so that the link can be copied."""
    query = dict(parse_qsl(valid.to_query(), keep_blank_values=True))
    kept = {k: v for k, v in st.query_params.to_dict().items() if k in PAGE_PARAMETERS}
    if hidden := write_hidden(hidden_controls()):
        kept[HIDE] = hidden
    elif HIDE in kept:
        del kept[HIDE]
    st.session_state.draft_query = query
    if st.query_params.to_dict() != query | kept:
        st.query_params.from_dict(query | kept)


def preset_name() -> str | None:
    """The preset that the draft equals, whatever it is trained on, if any."""
    current, _ = experiment()
    if current is None:
        return None
    network = current.network.model_copy(update={"classes": CLASSES})
    on_mnist = current.model_copy(update={"data": MNIST, "network": network})
    return next((name for name, preset in PRESETS.items() if preset == on_mnist), None)


def value(path: Path) -> Any:
    """The draft's value at `path`, e.g. ("network", "layers", 0, "units")."""
    place: Any = st.session_state.draft
    for part in path:
        place = place[part]
    return place


def key(path: Path) -> str:
    """The widget key for the value at `path`."""
    return f"draft-{st.session_state.draft_version}-" + "-".join(map(str, path))


def edit(path: Path, convert: Callable[[Any], Any] | None = None) -> None:
    """Callback: take over what the widget for `path` now says."""
    if key(path) not in st.session_state:
        return  # a widget of a draft that has been replaced meanwhile
    new = st.session_state[key(path)]
    value(path[:-1])[path[-1]] = convert(new) if convert else new


def edit_layers(change: Callable[[list[Draft]], None]) -> None:
    """Callback: change the list of layers in place."""
    _note_for_undo()
    layers = copy.deepcopy(st.session_state.draft["network"]["layers"])
    change(layers)
    st.session_state.draft["network"]["layers"] = layers
    renew_widgets()


def can_undo() -> bool:
    """True when there is a change of the layers, or of the whole draft, to take back."""
    return bool(st.session_state.get("draft_before"))


def undo() -> None:
    """Callback: the draft as it was before its layers were last changed, or it was replaced."""
    if can_undo():
        st.session_state.draft = st.session_state.draft_before.pop()
        renew_widgets()


def _note_for_undo() -> None:
    """The draft is about to lose something: keep it as it is."""
    if "draft" in st.session_state:
        before: list[Draft] = st.session_state.setdefault("draft_before", [])
        before.append(copy.deepcopy(st.session_state.draft))
        del before[:-MOST_UNDONE]


def new_layer(kind: str) -> Draft:
    """A layer of `kind` with sensible first values."""
    return layer_types.new_layer(kind).model_dump(mode="json")
