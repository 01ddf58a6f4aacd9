"""Change the network by hand and see what follows; the run itself is never changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from mnist_core.evaluation.metrics import accuracy
from mnist_core.figures.pixels import Bars
from mnist_core.inspection.interventions import (
    Edit,
    Noise,
    Prune,
    SetWeight,
    SwitchOff,
    Temperature,
    apply,
    describe,
)
from pages.views.inspect.number_field import choose_number
from pages.views.inspect.scene import FloatArray, Scene, test_images, test_labels
from pages.views.inspect.weight_editor import weight_editor
from pages.widgets.icon_button import icon_button
from pages.widgets.pixel_view import pixel_view
from pages.widgets.progress_notes import told


def edit(scene: Scene) -> None:
    """The view: controls at the left, what they do at the right."""
    state = st.session_state
    if state.get("inspect_edited") != scene.choice.key:
        state.inspect_edited, state.inspect_edits = scene.choice.key, ()
        _renew()
    left, right = st.columns(2, gap="large")
    with left:
        sliders = _sliders()
        _switch_off(scene)
        weight_editor(scene, state.inspect_edits, _add, _key)
    edits: tuple[Edit, ...] = (*state.inspect_edits, *sliders)
    with right:
        _consequences(scene, edits)
        for change in edits:
            _told(scene, change)
        st.button("Put everything back", icon=":material/undo:", key="put_back",
                  disabled=not edits, on_click=_put_back)  # fmt: skip
        st.caption("Your run keeps its own weights, whatever you change here.")


def _told(scene: Scene, change: Edit) -> None:
    """A change in words, with a button that takes it back; a slider needs none."""
    sentence = describe(change, scene.network)
    if change not in st.session_state.inspect_edits:
        st.caption(f":material/tune: {sentence}")
        return
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        icon_button("Undo this change", ":material/undo:", f"take-back-{change}",
                    _take_back, (change,), type="tertiary")  # fmt: skip
        st.caption(sentence)


def _take_back(change: Edit) -> None:
    """Callback: all changes but this one stay."""
    kept = [other for other in st.session_state.inspect_edits if other != change]
    st.session_state.inspect_edits = tuple(kept)


def _put_back() -> None:
    st.session_state.inspect_edits = ()
    _renew()


def _renew() -> None:
    """Give the view's widgets new keys, so that they start over."""
    st.session_state.inspect_edit_version = st.session_state.get("inspect_edit_version", 0) + 1


def _key(name: str) -> str:
    return f"edit-{name}-{st.session_state.inspect_edit_version}"


def _add(change: Edit) -> None:
    """Callback: one more change; a newer value for the same weight takes the older one's place."""
    kept = [
        other
        for other in st.session_state.inspect_edits
        if not (_same_weight(other, change) or other == change)
    ]
    st.session_state.inspect_edits = (*kept, change)


def _same_weight(one: Any, other: Any) -> bool:
    both = isinstance(one, SetWeight) and isinstance(other, SetWeight)
    return both and (one.weight, one.index) == (other.weight, other.index)


def _sliders() -> tuple[Edit, ...]:
    prune = st.slider("Prune: set the smallest weights to zero", 0, 99, 0, format="%d %%",
                      key=_key("prune"), persist_state="session")  # fmt: skip
    noise = st.slider(
        "Noise on all weights (1: their own standard deviation)", 0.0, 2.0, 0.0, 0.05,
        key=_key("noise"), persist_state="session",
    )  # fmt: skip
    heat = st.select_slider(
        "Temperature of the softmax", [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0], 1.0, key=_key("heat"),
        persist_state="session",
        help="The logits are divided by it: below 1 the network becomes more confident, above 1 "
        "less. The digit it reads does not change.",
    )  # fmt: skip
    edits: list[Edit] = []
    if prune:
        edits.append(Prune(prune / 100))
    if noise:
        edits.append(Noise(noise, 0))
    if heat != 1:
        edits.append(Temperature(heat))
    return tuple(edits)


def _switch_off(scene: Scene) -> None:
    layers = {layer.name: layer for layer in scene.probe.layers if _has_units(layer)}
    if not layers:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Switch off in layer", list(layers), key=_key("layer"))
        units = layers[name].shape[-1]
        what = "Channel" if layers[name].kind == "conv" else "Neuron"
        unit = choose_number(what, units, key=_key(f"unit-{name}"))
        st.button("Switch off", icon=":material/power_settings_new:", key="switch_off",
                  on_click=_add, args=(SwitchOff(name, unit),))  # fmt: skip


def _has_units(layer: Any) -> bool:
    return layer.kind in ("conv", "dense") and layer.name != "logits"


def _consequences(scene: Scene, edits: tuple[Edit, ...]) -> None:
    """The ten probabilities and the test accuracy, before and after."""
    edited = apply(scene.network, scene.weights, edits)
    after = scene.probe.probabilities(edited, scene.image[None])[0]
    names, now_read = scene.names, scene.names[int(after.argmax())]
    before_bars = Bars("before", f"as trained: {names[scene.read]}", scene.probabilities, names)
    after_bars = Bars("after", f"changed: {now_read}", after, names)
    alt = f"As trained it reads {names[scene.read]}, changed it reads {now_read}"
    pixel_view([before_bars, after_bars], "edit_bars", alt)
    if not np.isfinite(after).all():
        st.warning("With these weights the network's answers are no longer numbers.")
        return
    labels = test_labels()
    as_trained = accuracy(scene.test_probabilities, labels)
    now = as_trained
    if edits:
        found = _edited_probabilities(scene.choice.key, scene.snapshot.step, edits, scene)
        # An image whose answer is no number is not read at all.
        right = np.isfinite(found).all(axis=1) & (found.argmax(axis=1) == labels)
        now = float(right.mean())
    with st.container(key="edited_accuracy"):
        st.metric(
            f"Accuracy on the {len(labels):,} test images",
            f"{now:.2%}",
            f"{100 * (now - as_trained):+.2f} points" if edits else None,
        )


@told("test images", "Reading the test images")
@st.cache_resource(max_entries=32, show_spinner=False)
def _edited_probabilities(
    key: str, step: int, edits: tuple[Edit, ...], _scene: Scene
) -> FloatArray:
    edited = apply(_scene.network, _scene.weights, edits)
    return np.asarray(_scene.probe.probabilities(edited, test_images()))
