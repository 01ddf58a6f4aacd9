"""Choose the network, the checkpoint and the input."""

from __future__ import annotations

import time

import numpy as np
import streamlit as st

from mnist_core.base import computing
from mnist_core.base.errors import AppError
from mnist_core.base.sandbox import WorkFailed
from mnist_core.data.mnist import DatasetError, ink
from mnist_core.drawing.pretrained import DefaultModelError
from mnist_core.experiment.class_names import DIGITS, noun
from mnist_core.figures.pixels import Bars, Images
from mnist_core.inspection.weights import diverged
from mnist_core.storage.store import SnapshotInfo, StoreError
from mnist_core.training.loop import QUICK_IMAGES
from pages.session.data_sets import class_names, dataset_of
from pages.session.drawn_digits import can_doubt, shared_digit
from pages.session.errors import said_later
from pages.session.inspect_state import DRAWING, PLAY_SECONDS, TEST, place, steered
from pages.session.network_choice import (
    NetworkChoice,
    Weights,
    chance_note,
    first_choice,
    network_choices,
    older_choice,
    snapshot_label,
    snapshots,
    weights_at,
)
from pages.session.network_pickers import checkpoint_slider, network_menu
from pages.session.services import get_store
from pages.streamlit_compat.selectors import with_selectors
from pages.views.inspect.number_field import choose_number
from pages.views.inspect.scene import Scene, prepare, test_images, test_labels
from pages.widgets.icon_button import icon_button
from pages.widgets.pixel_view import pixel_view
from pages.widgets.progress_notes import spinner

ANY = "any"
# Weights beyond this size are looked at twice.
SUSPICIOUS = 1000.0
# Test images among which the view Backward looks for one that is misread.
FIRST_IMAGES = 1000


def choose_network() -> NetworkChoice:
    """The network; one that has been deleted meanwhile is replaced by the first choice."""
    here = place()
    choices = network_choices() | older_choice(here.run)
    if here.run not in choices:
        here.missing = here.missing or here.run is not None
        here.run, here.step = _first().key, None
    with st.container(key="run_picker", width=300):
        network_menu(
            "Network",
            choices,
            label_visibility="collapsed",
            **steered("inspect-run", here.run, here.open_run),
        )
    return choices[here.run]


def say_missing() -> None:
    """Say so where the run that was looked at, or that a link names, is not there."""
    if place().missing:
        st.warning("That run is no longer here, so another network is shown.")


def say_chance(choice: NetworkChoice) -> None:
    """Say so where the network does no better than guessing."""
    if note := chance_note(choice):
        st.caption(f":material/casino: {note}")


def _first() -> NetworkChoice:
    """The newest network that has learned something; before there is one, a run that trains."""
    first = first_choice()
    trains = (choice for choice in network_choices().values() if choice.trains)
    return first if first.run is not None else next(trains, first)


def choose_snapshot(choice: NetworkChoice) -> SnapshotInfo | None:
    """The snapshot of training; None when the run has kept no weights yet."""
    kept, here = snapshots(choice.key), place()
    if not kept:
        return None
    steps = [snapshot.step for snapshot in kept]
    if here.step is not None and here.step not in steps:  # kept no longer: the nearest
        here.step = min(steps, key=lambda step: abs(step - (here.step or 0)))
    now = len(steps) - 1 if here.step is None else steps.index(here.step)

    def moved(step: int) -> None:
        here.playing = False
        here.step = None if step == steps[-1] else step

    def by(snapshots: int) -> None:
        before = len(steps) - 1 if here.step is None else steps.index(here.step)
        moved(steps[min(max(before + snapshots, 0), len(steps) - 1)])

    # The labels at the slider's ends would lie over the buttons.
    st.html(with_selectors("<style>.st-key-moment :st(slider_ends) { display: none; }</style>"))
    if len(steps) == 1:
        with st.container(key="moment"):
            st.caption(f"Checkpoint: {snapshot_label(choice.key, kept[0])}")
        return kept[0]
    icon_button("Previous checkpoint", ":material/chevron_left:", "checkpoint_back", by, (-1,))
    name, icon = ("Pause", "pause") if here.playing else ("Play", "play_arrow")
    told = "Stay at this checkpoint" if here.playing else "Show one checkpoint after the other"
    st.button(name, icon=f":material/{icon}:", key="checkpoint_play", on_click=toggle_play,
              args=(steps, now), help=told)  # fmt: skip
    icon_button("Next checkpoint", ":material/chevron_right:", "checkpoint_next", by, (1,))
    with st.container(key="moment"):
        checkpoint_slider(
            choice.key,
            kept,
            label_visibility="collapsed",
            help="The percentage is the accuracy on the validation images; within an epoch (≈) on "
            f"the first {QUICK_IMAGES} of them.",
            **steered(f"inspect-checkpoint-{choice.key}", steps[now], moved),
        )
    return kept[now]


def lacking_data(choice: NetworkChoice) -> str:
    """The reason why the network's test images cannot be looked at; empty when they can."""
    try:
        dataset_of(choice.experiment)
    except DatasetError as error:
        return str(error)
    return ""


def toggle_play(steps: list[int], now: int) -> None:
    """Callback: start or stop stepping; from the end it starts again at the beginning."""
    here = place()
    here.playing, here.played_at = not here.playing, time.monotonic()
    if here.playing and now == len(steps) - 1:
        here.step = steps[0]


def play_on() -> None:
    """The next snapshot while playing; stops at the last."""
    here = place()
    if not here.playing or here.run is None:
        return
    now = time.monotonic()
    if now - here.played_at < PLAY_SECONDS / 2:
        return  # a request that had to wait: each snapshot is to be seen
    here.played_at = now
    later = [m.step for m in snapshots(here.run) if here.step is not None and m.step > here.step]
    here.step = later[0] if len(later) > 1 else None
    here.playing = len(later) > 1


def choose_input(choice: NetworkChoice, snapshot: SnapshotInfo) -> None:
    """A test image by index or digit, one that the network misreads, or the visitor's drawing."""
    here = place()

    def source_changed(source: str | None) -> None:
        here.source = source or here.source

    st.segmented_control(
        "Input",
        [TEST, DRAWING],
        **steered("inspect-source", here.source, source_changed),
        label_visibility="collapsed",
        required=True,
        width="content",
    )
    if here.source != DRAWING:
        _choose_image(choice, snapshot)
    if sentence := st.session_state.pop("inspect_note", None):
        st.info(sentence)


def _choose_image(choice: NetworkChoice, snapshot: SnapshotInfo) -> None:
    here = place()

    labels, names = test_labels(), class_names(choice.experiment)
    here.index = min(here.index, len(labels) - 1)
    digit_key = "inspect-digit" if names == DIGITS else f"inspect-digit-{choice.experiment.data}"

    def wanted_images(digit: str | int) -> np.ndarray:
        return np.ones(len(labels), np.bool_) if digit == ANY else labels == digit

    def digit_changed() -> None:
        wanted = wanted_images(st.session_state[digit_key])
        if not wanted[here.index]:
            next_image(wanted)

    # Side by side on a phone too, where columns would stack.
    with st.container(key="which_image", horizontal=True, gap="xsmall", width="content",
                      vertical_alignment="center"):  # fmt: skip
        choose_number("Index", len(labels), width=112, label_visibility="collapsed",
                      **steered("inspect-index", here.index, here.look_at))  # fmt: skip
        digit = st.selectbox(
            noun(names).capitalize(),
            [ANY, *range(len(names))],
            format_func=lambda digit: f"any {noun(names)}" if digit == ANY else names[digit],
            key=digit_key,
            width=128 if names == DIGITS else 180,
            label_visibility="collapsed",
            on_change=digit_changed,
        )
        wanted = wanted_images(digit)
        icon_button("Next test image", ":material/arrow_forward:", "next_image", next_image,
                    (wanted,))  # fmt: skip
        st.button("Misread", key="next_mistake", icon=":material/error:",
                  on_click=next_mistake, args=(choice.key, snapshot.step, wanted),
                  help="The next test image that this network gets wrong")  # fmt: skip


def _note(sentence: str) -> None:
    """Callback: say this once below the input's choice; a toast would not show from a fragment."""
    st.session_state.inspect_note = sentence


def next_image(wanted: np.ndarray) -> None:
    """Callback: the next test image among those `wanted` (bool [n]); after the last, the first."""
    here = place()
    found = np.flatnonzero(wanted)
    later = found[found > here.index]
    if len(found):
        here.look_at(int(later[0] if len(later) else found[0]))


def open_on_mistake(choice: NetworkChoice, snapshot: SnapshotInfo) -> None:
    """Take an input that the network misreads, where nobody has chosen one yet.

    The loss of an image that is read right is nearly 0, and so is its gradient. Looks at the
    first test images only; a network that reads them all keeps its input.
    """
    from mnist_core.inspection.activations import probe

    here = place()
    if here.is_given or here.source != TEST:
        return
    first = test_images()[:FIRST_IMAGES]
    try:
        weights = weights_at(choice.key, snapshot.step)
        if weights is None or diverged(weights):
            return
        with spinner("network", "The network is being prepared"):
            read = probe(choice.network).probabilities(weights, first).argmax(1)
    except (AppError, WorkFailed):
        return  # the page says so
    wrong = np.flatnonzero(read != test_labels()[:FIRST_IMAGES])
    here.look_at(int(wrong[0]) if len(wrong) else here.index)


@said_later
def next_mistake(key: str, step: int, wanted: np.ndarray) -> None:
    """Callback: as `next_image`, among those that the network gets wrong."""
    from pages.views.inspect.scene import test_probabilities

    try:
        wrong = test_probabilities(key, step).argmax(1) != test_labels()
    except KeyError:
        _note("That run is no longer here.")
        return
    if (wrong & wanted).any():
        next_image(wrong & wanted)
    else:
        _note("This network reads all of these right.")


def make_scene(choice: NetworkChoice, snapshot: SnapshotInfo) -> Scene | None:
    """Everything chosen, or None when the weights cannot be looked at; then the page says why."""
    here = place()
    try:
        weights = weights_at(choice.key, snapshot.step)
    except (DefaultModelError, StoreError) as error:
        st.error(str(error), icon=":material/broken_image:")
        return None
    if weights is None:
        st.info("These weights are no longer kept. Choose another checkpoint.")
        return None
    if diverged(weights):
        _say_diverged(choice)
        return None
    if here.source == DRAWING:
        image = shared_digit(can_doubt())
        if image is None:
            st.info("Draw a digit on the paper: the network reads it here.", icon=":material/draw:")
            return None
        scene = Scene(choice, snapshot, weights, image, None, None)
    else:
        image = ink(test_images()[here.index])
        scene = Scene(choice, snapshot, weights, image, int(test_labels()[here.index]), here.index)
    # Weights that are still numbers, but so large that what comes out of them is none.
    prepare(scene.network.model_dump_json(), computing.life(), scene)
    finite = np.isfinite(scene.probabilities).all()
    if not finite or (_too_large(weights) and not np.isfinite(scene.test_probabilities).all()):
        _say_diverged(choice)
        return None
    return scene


def _too_large(weights: Weights) -> bool:
    """True when a forward pass might overflow."""
    return any(float(np.abs(array).max(initial=0)) > SUSPICIOUS for array in weights)


def _say_diverged(choice: NetworkChoice) -> None:
    from mnist_core.inspection.weights import first_nan_step

    metrics = get_store().steps(choice.key)
    step = first_nan_step(metrics.loss, metrics.step)
    when = "" if step is None else f" at step {step:,}"
    st.error(
        f"This run diverged{when}: its weights, or what they make of an image, are no longer "
        "numbers, so there is nothing to see at this checkpoint. Move the slider to an earlier "
        "one, or train again with a smaller learning rate.",
        icon=":material/trending_up:",
    )


def show_input(scene: Scene) -> None:
    """The image, and what the network makes of it."""
    names, name = scene.names, scene.input_name
    right = scene.label is None or scene.read == scene.label
    note = f"read as {names[scene.read]}" + ("" if right else ", which is wrong")
    digit = Images("input", name, scene.image[None], note, "ink", 1.0, names=("image",),
                   largest=5)  # fmt: skip
    bars = Bars("probabilities", "", scene.probabilities, names)
    alt = f"{name}, {note}, with probability {scene.probabilities.max():.1%}"
    pixel_view([digit, bars], "inspect_input", alt)
