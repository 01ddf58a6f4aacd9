"""The trials of a grid by the values of their settings: those that differ in the seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from mnist_core.experiment.grid_order import SEED
from mnist_core.experiment.search_space import Setting, Vary, title_of
from mnist_core.experiment.study import StudySpec
from mnist_core.studies.optuna_adapter import Trial


@dataclass(frozen=True)
class SeedGroup:
    """All trials of one combination of values. `values` are in the order of `compared`."""

    values: tuple[Setting, ...]
    trials: tuple[Trial, ...]

    def results(self, objective: int = 0) -> list[float]:
        """The results of its finished trials, in the order of their seeds."""
        return [trial.results[objective] for trial in self.finished if trial.results]

    @property
    def finished(self) -> list[Trial]:
        """Its finished trials in the order of their seeds."""
        done = [trial for trial in self.trials if trial.results]
        return sorted(done, key=lambda trial: float(trial.values.get(title_of(SEED), 0)))

    @property
    def failed(self) -> int:
        """The number of its trials that came to nothing."""
        return sum(trial.state in ("failed", "pruned") for trial in self.trials)


def compared(spec: StudySpec) -> list[Vary]:
    """The settings that a grid compares: all but the seed. Empty where it is no such experiment.

    That is a whole grid over one setting or two by one objective, each combination with the same
    seeds and all its epochs.
    """
    settings = [item for item in spec.vary if item.path != SEED]
    whole = spec.sampler == "grid" and spec.pruner == "none" and spec.trials >= spec.grid_size
    return settings if whole and len(spec.objectives) == 1 and 1 <= len(settings) <= 2 else []


def seeds(spec: StudySpec) -> int:
    """With how many seeds each combination is trained."""
    return next((len(item.grid()) for item in spec.vary if item.path == SEED), 1)


def seed_groups(spec: StudySpec, trials: Sequence[Trial]) -> list[SeedGroup]:
    """A group for each combination of the grid, also for one that has no trial yet."""
    settings = compared(spec)
    found: dict[tuple[Setting, ...], list[Trial]] = {
        values: [] for values in product(*(item.grid() for item in settings))
    }
    for trial in trials:
        if all(item.title in trial.values for item in settings):  # else it is being proposed
            values = tuple(trial.values[item.title] for item in settings)
            found.setdefault(values, []).append(trial)
    return [SeedGroup(values, tuple(each)) for values, each in found.items()]


def best_group(spec: StudySpec, groups: Sequence[SeedGroup]) -> SeedGroup | None:
    """The group with the best mean, of those of which every seed has come to a result."""
    whole = [group for group in groups if len(group.results()) == seeds(spec)]
    sign = 1 if spec.kinds[0].direction == "maximize" else -1
    return max(whole, key=lambda group: sign * fmean(group.results()), default=None)
