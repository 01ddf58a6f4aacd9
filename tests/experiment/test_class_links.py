"""Links for a class: which controls they hide."""

from __future__ import annotations

import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.experiment.class_links import GROUPS, HIDE, class_query, parse_hidden, write_hidden
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
