"""The trials of a grid by the values of their settings."""

from __future__ import annotations

from mnist_core.experiment import search_space
from mnist_core.experiment.grid_order import SEED
from mnist_core.studies.optuna_adapter import Trial
from mnist_core.studies.seed_groups import best_group, compared, seed_groups, seeds
from tests.support.studies import BASE, RATE, UNITS, study

SEEDS = next(knob for knob in search_space.knobs(BASE) if knob.path == SEED)


def grid(*knobs_and_values, **more):
    vary = tuple(search_space.vary_over(knob, values) for knob, values in knobs_and_values)
    return study(vary=vary, sampler="grid", trials=100, **more)


def trial(number: int, rate: float, seed: int, result: float | None, state: str = "") -> Trial:
    values = {"learning rate": rate, "seed": seed}
    state = state or ("running" if result is None else "finished")
    results = None if result is None else (result,)
    return Trial(number, state, values, results, None, "", False, {})


def test_seeds_of_a_value_belong_together_in_their_order() -> None:
    spec = grid((RATE, (0.01, 0.001)), (SEEDS, (0, 1)))
    assert [item.path for item in compared(spec)] == [RATE.path] and seeds(spec) == 2
    trials = [trial(0, 0.001, 1, 0.9), trial(1, 0.001, 0, 0.8), trial(2, 0.01, 0, None, "failed")]
    small, large = seed_groups(spec, trials)
    assert small.values == (0.001,) and small.results() == [0.8, 0.9] and not small.failed
    assert large.values == (0.01,) and large.results() == [] and large.failed == 1
    proposed = Trial(3, "running", {}, None, None, "", False, {})
    assert seed_groups(spec, [*trials, proposed]) == [small, large], "its values are not known yet"


def test_a_pair_without_a_trial_yet_is_there() -> None:
    spec = grid((RATE, (0.01, 0.001)), (UNITS, (8, 16)))
    groups = seed_groups(spec, [])
    assert {group.values for group in groups} == {(r, u) for r in (0.001, 0.01) for u in (8, 16)}
    assert seeds(spec) == 1


def test_the_best_is_the_best_mean_of_values_whose_seeds_have_all_ended_well() -> None:
    spec = grid((RATE, (0.1, 0.01, 0.001)), (SEEDS, (0, 1)))
    lucky = [trial(0, 0.1, 0, 0.99), trial(1, 0.1, 1, None, "failed")]
    assert best_group(spec, seed_groups(spec, lucky)) is None
    results = ((0.01, 0, 0.90), (0.01, 1, 0.92), (0.001, 0, 0.95), (0.001, 1, 0.80))
    trials = [trial(2 + number, *each) for number, each in enumerate(results)]
    groups = seed_groups(spec, [*lucky, *trials])
    assert best_group(spec, groups).values == (0.01,)
    loss = grid((RATE, (0.1, 0.01, 0.001)), (SEEDS, (0, 1)), objectives=("loss",))
    assert best_group(loss, groups).values == (0.001,)


def test_only_grids_over_one_setting_or_two_compare() -> None:
    assert compared(study()) == []
    assert compared(grid((SEEDS, (0, 1)))) == []
    rates = (RATE, (0.01, 0.001))
    assert compared(grid(rates, objectives=("accuracy", "parameters"))) == [], "a Pareto front"
    assert compared(grid(rates, pruner="median")) == [], "what is worse ends early"
    assert compared(grid(rates).model_copy(update={"trials": 1})) == [], "a share by chance"
