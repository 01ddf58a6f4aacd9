"""Values worth trying: a few, within limits, the experiment's own among them."""

from __future__ import annotations

import pytest

from mnist_core import PRESETS, Experiment, ExperimentError
from mnist_core.experiment import search_space
from mnist_core.experiment.suggested_values import suggested_values


def knob(path: str, query: str = "preset=two-layer"):
    base = Experiment.from_query(query)
    return next(each for each in search_space.knobs(base) if each.path == path)


def test_they_lie_around_the_value_that_the_experiment_has() -> None:
    rate = "training.learning_rate"
    assert suggested_values(knob(rate)) == [0.0001, 0.0003, 0.001, 0.003, 0.01]
    assert suggested_values(knob(rate, "preset=best")) == [0.001, 0.003, 0.004, 0.01, 0.03]
    assert suggested_values(knob("network.layers.1.units")) == [32, 64, 128, 256, 512]
    assert suggested_values(knob("training.batch_size")) == [32, 64, 128, 256, 512]
    assert suggested_values(knob("training.optimizer", "preset=best"))[0] == "adamw"


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_of_every_preset_has_some_that_are_allowed(name: str) -> None:
    for each in search_space.knobs(PRESETS[name]):
        values = suggested_values(each)
        assert 2 <= len(values) <= 7 and len(set(values)) == len(values)
        assert each.value is None or each.value in values
        search_space.check(PRESETS[name], [search_space.vary_over(each, values)])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [((0.001,), "two different values"), ((0.001, 0.001), "two different"),
     ((0.001, 5000.0), "Learning rate is 5000; choose values from 1e-06 to 1000")],
)  # fmt: skip
def test_values_that_make_no_comparison_are_a_sentence(values, sentence: str) -> None:
    with pytest.raises(ExperimentError, match=sentence):
        search_space.vary_over(knob("training.learning_rate"), values)


def test_whole_numbers_are_asked_for_where_only_these_make_sense() -> None:
    with pytest.raises(ExperimentError, match=r"Layer 2 units is 16\.5; choose whole numbers"):
        search_space.vary_over(knob("network.layers.1.units"), (16.5, 32))
