"""Links for a class: which controls they hide."""

from __future__ import annotations

import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.experiment.class_links import (
    GROUPS,
    HIDE,
    class_query,
    draw_seed,
    parse_hidden,
    write_hidden,
)
from mnist_core.experiment.url import split


def test_groups_are_written_and_read_in_one_order() -> None:
    assert write_hidden(["seed", "layers"]) == "layers,seed"
    assert parse_hidden("layers,seed") == (frozenset({"layers", "seed"}), ())
    assert parse_hidden(write_hidden(GROUPS)) == (frozenset(GROUPS), ())


@pytest.mark.parametrize(
    ("text", "hidden", "unknown"),
    [("", set(), ()), (" layers , ,seed", {"layers", "seed"}, ()),
     ("Layers,x,x,seed", {"seed"}, ("Layers", "x")), ("," * 9999, set(), ())],
)  # fmt: skip
def test_other_texts(text, hidden, unknown) -> None:
    assert parse_hidden(text) == (hidden, unknown)


@pytest.mark.parametrize("name", PRESETS)
def test_a_class_link_holds_the_experiment_and_the_groups(name: str) -> None:
    settings = split(class_query(PRESETS[name], ["layers", "optimizer"]))
    assert settings.pop(HIDE) == "layers,optimizer"
    assert Experiment.from_query(settings) == PRESETS[name]
    assert HIDE not in split(class_query(PRESETS[name], []))


def test_whoever_opens_a_link_draws_a_seed() -> None:
    seeded = Experiment.from_query("preset=two-layer&seed=7")
    settings = split(class_query(seeded, ["seed"], own_seeds=True))
    assert settings.pop(HIDE) == "seed" and settings["seed"] == "random"
    drawn = [Experiment.from_query(draw_seed(settings)) for _ in range(20)]
    assert len({each.training.seed for each in drawn}) > 10
    assert all(PRESETS["two-layer"] == same_seed(each, PRESETS["two-layer"]) for each in drawn)
    assert draw_seed(split(seeded.to_query())) == split(seeded.to_query())


def same_seed(experiment: Experiment, other: Experiment) -> Experiment:
    training = experiment.training.model_copy(update={"seed": other.training.seed})
    return experiment.model_copy(update={"training": training})
