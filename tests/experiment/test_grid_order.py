"""The order in which a study trains the combinations of its grid."""

from __future__ import annotations

from mnist_core import Experiment
from mnist_core.experiment import search_space
from mnist_core.experiment.grid_order import SEED, combinations
from mnist_core.experiment.study import StudySpec

BASE = Experiment.from_query("preset=two-layer&training_images=1000")
RATE, UNITS = "training.learning_rate", "network.layers.1.units"


def grid(trials: int = 100, seed: int = 0, base: Experiment = BASE, **values) -> StudySpec:
    known = {knob.path: knob for knob in search_space.knobs(base)}
    vary = tuple(search_space.vary_over(known[path], values[path]) for path in values)
    return StudySpec.parse(base=base, vary=vary, sampler="grid", trials=trials, seed=seed)


def test_small_networks_come_first_and_of_one_network_each_value_before_a_second_seed() -> None:
    spec = grid(**{UNITS: (64, 16), RATE: (0.1, 0.01), SEED: (0, 1)})
    order = [(each[UNITS], each[SEED], each[RATE]) for each in combinations(spec)]
    assert order == [
        (units, seed, rate) for units in (16, 64) for seed in (0, 1) for rate in (0.01, 0.1)
    ]


def test_what_shares_a_compiled_step_is_trained_together() -> None:
    spec = grid(**{"training.optimizer": ("sgd", "adam"), SEED: (0, 1), RATE: (0.1, 0.01)})
    order = [each["training.optimizer"] for each in combinations(spec)]
    assert order in (["sgd"] * 4 + ["adam"] * 4, ["adam"] * 4 + ["sgd"] * 4)


def test_combinations_that_do_not_fit_come_last() -> None:
    base = Experiment.from_query("preset=cnn&training_images=1000")
    spec = grid(base=base, **{"network.layers.1.copies": (4, 1, 2)})
    assert [next(iter(each.values())) for each in combinations(spec)][-1] == 4


def test_a_share_of_a_grid_is_taken_by_chance_and_by_its_seed() -> None:
    values = {RATE: (0.1, 0.01, 0.001), UNITS: (8, 16, 32)}
    one, other = combinations(grid(4, **values)), combinations(grid(4, seed=1, **values))
    assert one == combinations(grid(4, **values)) and one != other
    in_order = combinations(grid(**values))
    assert len(one) == 9 and all(each in in_order for each in one) and one != in_order
