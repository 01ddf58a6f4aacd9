"""Links for a class: which controls of the Train page a link leaves out.

A link says `hide=layers,optimizer`: groups of controls, by name. What is hidden keeps the value
that the link's experiment gives it.
"""

from __future__ import annotations

from collections.abc import Iterable

from mnist_core.experiment.spec import Experiment

HIDE = "hide"

GROUPS: dict[str, str] = {
    "preset": "Choice of a ready-made network",
    "layers": "Layers",
    "output": "Start of the output layer",
    "dataset": "Data set",
    "optimizer": "Optimiser",
    "learning_rate": "Learning rate",
    "schedule": "Learning-rate schedule",
    "batch_size": "Batch size",
    "epochs": "Epochs",
    "seed": "Seed",
    "data": "Data and regularisation",
    "augmentation": "Augmentation",
    "stop": "Stop early",
    "script": "Keras script",
    "link": "Link to the experiment",
}
"""The groups of controls that can be hidden, in the page's order, and what they are called."""


def parse_hidden(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The groups that `text` ("layers,seed") names, and the names that are none."""
    names = [name.strip() for name in text[:500].split(",") if name.strip()]
    unknown = tuple(dict.fromkeys(name for name in names if name not in GROUPS))
    return frozenset(names) & frozenset(GROUPS), unknown


def write_hidden(hidden: Iterable[str]) -> str:
    """The inverse of `parse_hidden`, in the page's order."""
    chosen = set(hidden)
    return ",".join(name for name in GROUPS if name in chosen)


def class_query(experiment: Experiment, hidden: Iterable[str]) -> str:
    """The URL query, without "?", of an experiment with some of its controls hidden."""
    text = write_hidden(hidden)
    return experiment.to_query() + (f"&{HIDE}={text}" if text else "")
