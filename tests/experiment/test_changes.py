"""What may change in mid-run, and how it is told."""

from __future__ import annotations

import pytest

from mnist_core.experiment import changes
from mnist_core.experiment.changes import Change
from mnist_core.experiment.spec import Experiment

BASE = "layers=conv(filters:4);flatten;dropout(rate:0.2);dense(units:8)&epochs=4"


def changed(more: str) -> Experiment:
    settings = dict(part.split("=", 1) for part in f"{BASE}&{more}".split("&"))
    return Experiment.from_query(settings)


BEFORE = Experiment.from_query(BASE)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("learning_rate=0.01&batch_size=32", "learning rate 0.001 → 0.01, batch size 128 → 32"),
        ("loss=mean_squared_error", "loss cross entropy → mean squared error"),
        ("augment_rotate=10", "rotate 0 → 10"),
        ("patience=2", "patience none → 2"),
        (
            "layers=conv(filters:4,frozen:True);flatten;dropout(rate:0.5);dense(units:8,l2:0.01)",
            "layer 1 (convolution) frozen, layer 3 (dropout) rate 0.2 → 0.5, "
            "layer 4 (dense) l2 0 → 0.01",
        ),
    ],
)
def test_a_setting_may_change_and_is_told(more: str, words: str) -> None:
    after = changed(more)
    assert changes.problem(BEFORE, after, epoch=2) is None
    assert changes.told(BEFORE, after) == words


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("layers=conv(filters:4);flatten;dense(units:8)", "keeps its layers"),
        ("layers=conv(filters:5);flatten;dropout(rate:0.2);dense(units:8)", "keeps its layers"),
        ("seed=2", "keeps its seed"),
        ("training_images=500", "keeps its training images"),
        ("epochs=1", "in epoch 2 already"),
    ],
)
def test_what_the_run_was_begun_with_stays(more: str, why: str) -> None:
    assert why in (changes.problem(BEFORE, changed(more), epoch=2) or "")


def test_changes_have_an_end() -> None:
    after = changed("learning_rate=0.01")
    assert changes.problem(BEFORE, after, made=changes.MOST_CHANGES - 1) is None
    assert "changed 50 times" in (changes.problem(BEFORE, after, made=changes.MOST_CHANGES) or "")


def test_a_story_survives_json() -> None:
    first, second = changed("learning_rate=0.01"), changed("learning_rate=0.02")
    made = (Change(7, first), Change(9, second))
    assert changes.from_json(changes.to_json(made)) == made
    assert changes.story(BEFORE, made) == [
        (7, "learning rate 0.001 → 0.01"),
        (9, "learning rate 0.01 → 0.02"),
    ]
    assert changes.present(BEFORE, made) == second and changes.present(BEFORE, ()) == BEFORE
