"""Changes of settings in mid-run: which settings may change, and how a change is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_core.experiment.spec import Augmentation, Experiment, TrainingSpec

MOST_CHANGES = 50
# Of a layer: what changes neither its weights nor what it computes when it reads an image.
LAYER_SETTINGS = ("rate", "l1", "l2", "frozen")
# Of the training: what says which images it sees and how it began.
FIXED = {
    "validation_share": "validation share",
    "training_images": "training images",
    "precision": "number format",
    "seed": "seed",
}


@dataclass(frozen=True)
class Change:
    """From the step after `step` on, a run trains as `experiment` says."""

    step: int
    experiment: Experiment


def present(experiment: Experiment, changes: Sequence[Change]) -> Experiment:
    """The experiment by which a run that began as `experiment` trains after all its changes."""
    return changes[-1].experiment if changes else experiment


def problem(before: Experiment, after: Experiment, epoch: int = 0, made: int = 0) -> str | None:
    """The reason why a run that has trained as `before` cannot go on as `after`; None when it can.

    `epoch` is the one that it is in, `made` the number of changes so far. Each has to be kept, or
    the run could not be repeated.
    """
    if made >= MOST_CHANGES:
        return (
            f"This run has been changed {MOST_CHANGES} times, the most that a run can be. Start a "
            "new run with these settings."
        )
    if _without_settings(before) != _without_settings(after):
        return (
            "A run that has begun keeps its layers: only dropout, penalties and freezing can "
            "change. Start a new run for another network."
        )
    for name, title in FIXED.items():
        if getattr(before.training, name) != getattr(after.training, name):
            return f"A run that has begun keeps its {title}. Start a new run to change it."
    if after.training.epochs < epoch:
        return f"The run is in epoch {epoch} already: choose at least as many epochs."
    return None


def _without_settings(experiment: Experiment) -> tuple[Any, ...]:
    layers = [layer.model_dump(exclude=set(LAYER_SETTINGS)) for layer in experiment.network.layers]
    return layers, experiment.network.model_dump(exclude={"layers"}), experiment.data


def told(before: Experiment, after: Experiment) -> str:
    """The differences: "learning rate 0.001 → 0.0003, layer 3 (dropout) rate 0.2 → 0.5"."""
    return ", ".join(_differences(before, after))


def story(experiment: Experiment, changes: Sequence[Change]) -> list[tuple[int, str]]:
    """Each change's step and what it changed, of a run that began as `experiment`."""
    befores = [experiment, *(change.experiment for change in changes)]
    return [
        (change.step, told(before, change.experiment))
        for before, change in zip(befores, changes, strict=False)
    ]


def _differences(before: Experiment, after: Experiment) -> Iterator[str]:
    for name in TrainingSpec.model_fields:
        if name != "augmentation":
            yield from _difference(name, before.training, after.training)
    for name in Augmentation.model_fields:
        yield from _difference(name, before.training.augmentation, after.training.augmentation)
    pairs = zip(before.network.layers, after.network.layers, strict=False)
    for number, (old, new) in enumerate(pairs, 1):
        for name in LAYER_SETTINGS:
            for words in _difference(name, old, new):
                yield f"layer {number} ({new.title}) {words}"


def _difference(name: str, before: Any, after: Any) -> Iterator[str]:
    old, new = getattr(before, name, None), getattr(after, name, None)
    if old == new:
        return
    if isinstance(new, bool):
        yield name if new else f"no longer {name}"
    else:
        yield f"{name.replace('_', ' ')} {_value(old)} → {_value(new)}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def to_json(changes: Sequence[Change]) -> str:
    """Changes as JSON."""
    return json.dumps([[change.step, change.experiment.to_json()] for change in changes])


def from_json(text: str) -> tuple[Change, ...]:
    """The inverse of `to_json`. Raises ExperimentError, ValueError and TypeError."""
    return tuple(Change(int(step), Experiment.from_json(told)) for step, told in json.loads(text))
