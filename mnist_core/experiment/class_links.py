"""Links for a class: which controls of the Train page a link leaves out, and whose seed it takes.

A link says `hide=layers,optimizer`: groups of controls, by name. What is hidden keeps the value
that the link's experiment gives it. With `seed=random` whoever opens the link gets a seed of their
own, so that a class that trains the same network sees by how much its results differ by chance.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from mnist_core.experiment.spec import Experiment

HIDE = "hide"
SEED, RANDOM = "seed", "random"
SEEDS = 1_000_000

GROUPS: dict[str, str] = {
    "preset": "Choice of a ready-made network",
    "layers": "Layers",
    "output": "Start of the output layer",
    "dataset": "Data set",
    "optimizer": "Optimiser and loss",
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
    "advice": "Advice on a run that fails",
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


def class_query(experiment: Experiment, hidden: Iterable[str], own_seeds: bool = False) -> str:
    """The URL query, without "?", of an experiment with some of its controls hidden.

    `own_seeds`: whoever opens it draws a seed, in place of the experiment's.
    """
    if own_seeds:
        training = experiment.training.model_copy(update={SEED: 0})
        experiment = experiment.model_copy(update={"training": training})
    text = write_hidden(hidden)
    parts = [experiment.to_query(), text and f"{HIDE}={text}", own_seeds and f"{SEED}={RANDOM}"]
    return "&".join(part for part in parts if part)


def draw_seed(settings: Mapping[str, str]) -> dict[str, str]:
    """A link's settings with a number where they leave the seed to chance."""
    if settings.get(SEED) != RANDOM:
        return dict(settings)
    return {**settings, SEED: str(secrets.randbelow(SEEDS))}
