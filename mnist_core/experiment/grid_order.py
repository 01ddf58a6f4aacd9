"""The combinations of a grid in the order in which a study trains them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import product

from mnist_core.experiment import search_space
from mnist_core.experiment.search_space import Setting
from mnist_core.experiment.study import StudySpec
from mnist_core.experiment.training_cost import compiled_settings, cost
from mnist_core.experiment.validation import ExperimentError

SEED = "training.seed"

Combination = dict[str, Setting]


def combinations(spec: StudySpec) -> list[Combination]:
    """Each combination of the study's grid, as settings by path.

    Quickest first, so that results come early. Of those that cost the same, those together that
    share a compiled training step, and of these each value with its first seed before any has its
    second. A study that trains only a share of its grid takes them by chance, by its seed.
    """
    varied = [(item.path, item.grid()) for item in spec.vary]
    found = [
        dict(zip([path for path, _ in varied], values, strict=True))
        for values in product(*(values for _, values in varied))
    ]
    if spec.trials < len(found):
        random.Random(spec.seed).shuffle(found)
        return found
    costs: dict[tuple[Setting, ...], tuple[float, str]] = {}
    return sorted(found, key=lambda each: (*_cost(spec, each, costs), each.get(SEED, 0)))


def _cost(
    spec: StudySpec,
    values: Mapping[str, Setting],
    known: dict[tuple[Setting, ...], tuple[float, str]],
) -> tuple[float, str]:
    """Its cost and its compiled settings; a combination that does not fit comes last."""
    of_network = {path: value for path, value in values.items() if path != SEED}
    key = tuple(of_network.values())
    if key not in known:
        try:
            experiment = search_space.apply(spec.base, of_network)
            known[key] = cost(experiment), repr(compiled_settings(experiment))
        except ExperimentError:
            known[key] = float("inf"), ""
    return known[key]
