"""The networks that pages work on, each at a snapshot of its training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import streamlit as st

from mnist_core.drawing.pretrained import (
    EXPERIMENT,
    DefaultModelError,
    default_model_card,
    default_weights,
)
from mnist_core.experiment.spec import Experiment, NetworkSpec
from mnist_core.storage.store import Run, SnapshotInfo
from pages.session.services import get_store, owner
from pages.widgets.menu_labels import distinct

DEFAULT_MODEL = "default"
RECENT_RUNS = 200
EARLIEST = datetime.min.replace(tzinfo=UTC)

Weights = tuple[npt.NDArray[np.float32], ...]
# Networks by their keys, as menus call them, and the steps of one's snapshots.
Offered = tuple[dict[str, str], tuple[int, ...]]


@dataclass(frozen=True)
class NetworkChoice:
    """A network to work with: a run, or the model that ships with the app (`run` None)."""

    key: str
    label: str
    run: Run | None = None

    @property
    def network(self) -> NetworkSpec:
        """The layers; no weights are needed to know them."""
        return self.experiment.network

    @property
    def experiment(self) -> Experiment:
        """The experiment by which it was trained."""
        return self.run.experiment if self.run else EXPERIMENT

    @property
    def name(self) -> str:
        """Its name alone, without what is known of its accuracy."""
        return self.run.name if self.run else EXPERIMENT.name

    @property
    def accuracy(self) -> float | None:
        """Its accuracy on test images, else on validation images, else on its last batch.

        None for the default model, and for a run that has not begun.
        """
        run = self.run
        if run is None:
            return None
        known = (run.test_accuracy, run.val_accuracy, run.accuracy)
        return next((value for value in known if value is not None), None)

    @property
    def guesses(self) -> bool:
        """True when it is a run at chance, or one whose weights are no longer numbers."""
        if self.run is None:
            return False
        if self.run.loss is not None and not math.isfinite(self.run.loss):
            return True
        return self.accuracy is not None and self.is_chance(self.accuracy)

    def is_chance(self, accuracy: float) -> bool:
        """True when it would be about as often right by guessing."""
        chance = 1 / self.network.classes
        return accuracy < chance + min(chance, (1 - chance) / 5)

    @property
    def trains(self) -> bool:
        """True when it is a run that goes on."""
        return self.run is not None and self.run.active


def network_choices() -> dict[str, NetworkChoice]:
    """The visitor's runs, newest first, then trials of studies, then the default model, by key.

    Runs that have kept no weights yet are among them. Kept for two seconds, so that strokes and
    clicks in quick succession do not ask the store again.
    """
    return _network_choices(owner())


def first_choice() -> NetworkChoice:
    """The network that a page opens on: the newest that has learned something.

    Of a study that is the best of its trials; without any such run it is the default model. A run
    that waits, or that went wrong, hides no good one.
    """
    choices = network_choices()
    by_age = sorted(
        choices.values(), key=lambda choice: choice.run.created if choice.run else EARLIEST,
        reverse=True,
    )  # fmt: skip
    newest = next(choice for choice in by_age if _has_learned(choice))
    study = newest.run.study if newest.run is not None else None
    if study is None:
        return newest
    trials = [choice for choice in choices.values() if choice.run and choice.run.study == study]
    learned = [trial for trial in trials if _has_learned(trial)]
    return max(learned, key=lambda trial: trial.accuracy or 0.0)


def _has_learned(choice: NetworkChoice) -> bool:
    """True for the default model, and for a run with trained weights that are better than none."""
    if choice.run is None:
        return True
    kept = () if choice.guesses else snapshots(choice.key)
    return bool(kept) and kept[-1].step > 0


def chance_note(choice: NetworkChoice) -> str:
    """A sentence where the network only guesses, or is to; "" where it has learned something."""
    if not choice.guesses or choice.run is None or not choice.run.step:
        return ""
    return (
        "This network is at chance: it gets about one image in "
        f"{choice.network.classes} right, so what it reads means nothing. Choose another one."
    )


def forget_choices() -> None:
    """Read the visitor's runs anew when they are next asked for."""
    _network_choices.clear(owner())


@st.cache_resource(ttl=2, max_entries=256, show_spinner=False)
def _network_choices(owner: str) -> dict[str, NetworkChoice]:
    runs = get_store().runs(owner, limit=RECENT_RUNS, trials_last=True)
    labels = run_labels({run.id: run for run in runs})
    choices = [NetworkChoice(run.id, labels[run.id], run) for run in runs]
    choices.append(NetworkChoice(DEFAULT_MODEL, _default_label()))
    return {choice.key: choice for choice in choices}


def older_choice(key: str | None) -> dict[str, NetworkChoice]:
    """A run that a link names though it is not among the newest; empty when there is none."""
    if key is None or key in network_choices():
        return {}
    run = get_store().run(key)
    if run is None:
        return {}
    labels = {choice.key: choice.label for choice in network_choices().values()}
    return {key: NetworkChoice(key, distinct(labels | {key: run_label(run)})[key], run)}


def choice_of(key: str | None) -> NetworkChoice | None:
    """The network of this key, be it among the newest or not; None when there is none."""
    return (network_choices() | older_choice(key)).get(key or "")


def snapshots(key: str) -> tuple[SnapshotInfo, ...]:
    """The snapshots of a network, earliest first; empty for a run that has kept none."""
    return _snapshots(key, _holder(key))


@st.cache_resource(ttl=2, max_entries=256, show_spinner=False)
def _snapshots(key: str, holder: str) -> tuple[SnapshotInfo, ...]:
    if key == DEFAULT_MODEL:
        epochs = EXPERIMENT.training.epochs
        return (SnapshotInfo(step=0, epoch=float(epochs), val_accuracy=None, bytes=0),)
    store = get_store()
    # At the end of an epoch the accuracy on all validation images is known, which Train shows.
    known = {epoch.step: epoch.val_accuracy for epoch in store.epochs(key)}
    return tuple(
        replace(snapshot, val_accuracy=known.get(snapshot.step) or snapshot.val_accuracy)
        for snapshot in store.snapshots(key)
    )


def offered(choice: NetworkChoice) -> Offered:
    """The networks, and this one's snapshots, that there are to choose from now."""
    networks = network_choices() | older_choice(choice.key)
    labels = {key: one.label for key, one in networks.items()}
    return labels, tuple(snapshot.step for snapshot in snapshots(choice.key))


def forget_snapshots(key: str | None = None) -> None:
    """Read the snapshots of a network, or of all, anew when they are next asked for."""
    if key is None:
        _snapshots.clear()
    else:
        _snapshots.clear(key, _holder(key))


def _holder(key: str) -> str:
    """For whom something of this network is cached: the default model is everyone's."""
    return "" if key == DEFAULT_MODEL else owner()


def snapshot_label(key: str, snapshot: SnapshotInfo) -> str:
    """A snapshot's name on a slider: "epoch 2 · step 640 · 96.80%".

    Within an epoch the accuracy is an estimate from a few images: "epoch 1.5 · step 480 · ≈ 96.1%".
    """
    if key == DEFAULT_MODEL:
        return "fully trained"
    if snapshot.step == 0:
        return "before training"
    accuracy = ""
    if snapshot.val_accuracy is not None:
        whole = snapshot.epoch == round(snapshot.epoch)
        accuracy = (
            f" · {snapshot.val_accuracy:.2%}" if whole else f" · ≈ {snapshot.val_accuracy:.1%}"
        )
    return f"epoch {round(snapshot.epoch, 2):g} · step {snapshot.step:,}{accuracy}"


def weights_at(key: str, step: int) -> Weights | None:
    """A network's weights at a kept step, in Keras's order; None when they are not kept.

    Raises DefaultModelError when the default model is missing or damaged.
    """
    found = _weights_at(key, step, _holder(key))
    if found is None:
        _weights_at.clear(key, step, _holder(key))  # they may be written yet
    return found


@st.cache_resource(max_entries=12, show_spinner=False)
def _weights_at(key: str, step: int, holder: str) -> Weights | None:
    if key == DEFAULT_MODEL:
        return default_weights()
    weights = get_store().weights(key, step)
    return None if weights is None else tuple(weights)


def run_label(run: Run) -> str:
    """A run's name in menus: "cnn, epochs 3 · run 4 · running · 98.10% on validation images"."""
    parts = [run.name] if run.status == "finished" else [run.name, run.status]
    if run.test_accuracy is not None:
        return " · ".join([*parts, f"{run.test_accuracy:.2%} on test images"])
    if run.val_accuracy is not None:
        return " · ".join([*parts, f"{run.val_accuracy:.2%} on validation images"])
    return " · ".join([*parts, "hardly trained yet"])


def run_labels(runs: Mapping[str, Run]) -> dict[str, str]:
    """The labels of these runs (newest first) in a menu, no two alike.

    Of two called alike the older keeps its label when another one comes.
    """
    return distinct({run_id: run_label(runs[run_id]) for run_id in reversed([*runs])})


def _default_label() -> str:
    try:
        return f"Default model · {default_model_card()['test_accuracy']:.2%} on test images"
    except DefaultModelError:
        return "Default model"
