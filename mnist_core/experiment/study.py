"""A hyperparameter study as a value: what varies, what counts, how long, by which method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from mnist_core.experiment import search_space
from mnist_core.experiment.fields import Value
from mnist_core.experiment.presets import PRESETS
from mnist_core.experiment.search_space import Vary
from mnist_core.experiment.spec import MAX_NAME_LENGTH, Experiment
from mnist_core.experiment.validation import (
    ExperimentError,
    Problem,
    from_validation_error,
    inside_pydantic,
)

ObjectiveName = Literal["accuracy", "loss", "time", "efficiency", "parameters"]
SamplerName = Literal["tpe", "random", "grid", "nsga2"]
PrunerName = Literal["none", "median", "hyperband"]
MAX_TRIALS = 1_000
MAX_VARIED = 12
MAX_GRID = 10_000


@dataclass(frozen=True)
class Objective:
    """The measure that judges trials. `format` is Plotly's (d3's) for its values, `words` Python's.

    `at_epochs` says that each epoch's end gives a value to compare unfinished trials by.
    """

    title: str
    direction: Literal["maximize", "minimize"]
    format: str
    words: str
    at_epochs: bool = True


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "accuracy": Objective("validation accuracy", "maximize", ".2%", "{:.2%}"),
    "loss": Objective("validation loss", "minimize", ".4~g", "{:.4g}"),
    "time": Objective("seconds to the target accuracy", "minimize", ".3~g", "{:.3g} s"),
    "efficiency": Objective("accuracy per 1,000 parameters", "maximize", ".3~%", "{:.3%}"),
    "parameters": Objective("parameters", "minimize", ",.0f", "{:,.0f}", at_epochs=False),
}
SAMPLERS: dict[SamplerName, str] = {
    "tpe": "TPE: learns from earlier trials which values are good",
    "random": "Random: draws each value at random",
    "grid": "Grid: tries every combination once",
    "nsga2": "NSGA-II: breeds and mutates the best trials",
}
PRUNERS: dict[PrunerName, str] = {
    "none": "None: every trial runs all its epochs",
    "median": "Median: stops trials worse than half of the others at that epoch",
    "hyperband": "Hyperband: gives many trials a few epochs, and the best ones more",
}
# The lowest and the highest validation accuracy that a trial may be timed to.
TARGETS = (0.5, 0.999)


class StudySpec(Value):
    """A study: `base` varied by `vary`, judged by one or two objectives.

    `trials` counts all that were tried, combinations that do not fit included; after `minutes`
    no new trial starts. `target` is the validation accuracy that the objective "time" waits for.
    With one worker, the same `seed` gives the same trials.
    """

    base: Experiment
    vary: Annotated[tuple[Vary, ...], Field(min_length=1, max_length=MAX_VARIED)]
    objectives: Annotated[tuple[ObjectiveName, ...], Field(min_length=1, max_length=2)] = (
        "accuracy",
    )
    target: Annotated[float, Field(ge=TARGETS[0], le=TARGETS[1])] = 0.98
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "none"
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    minutes: Annotated[float, Field(ge=0.1, le=10_000)] | None = None
    seed: Annotated[int, Field(ge=0, le=999_999)] = 0
    name: Annotated[str, Field(max_length=MAX_NAME_LENGTH)] = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        inside_pydantic(self._check_together)
        return self

    def _check_together(self) -> None:
        search_space.check(self.base, self.vary)
        if len(set(self.objectives)) < len(self.objectives):
            raise _problem("The two objectives are the same; choose another one, or remove it.")
        if self.objectives == ("parameters",):
            raise _problem(
                "Fewest parameters alone would choose the smallest network, however inaccurate; "
                "choose a second objective."
            )
        if self.base.training.validation_share == 0:
            raise _problem(
                "Trials are judged on validation images, but the validation share is 0. "
                "Set it above 0."
            )
        if self.sampler == "grid" and self.grid_size > MAX_GRID:
            raise _problem(
                f"This grid has {self.grid_size:,} combinations, more than {MAX_GRID:,}. Vary "
                "less, use fewer points per range, or choose another sampler."
            )
        if self.pruner != "none":
            self._check_pruning()

    def _check_pruning(self) -> None:
        if len(self.objectives) > 1:
            raise _problem(
                "Pruning needs a single objective: with two, unfinished trials cannot be ranked. "
                "Choose no pruner, or one objective."
            )
        if self.most_epochs < 2:
            raise _problem(
                "Pruning compares trials at the end of an epoch, so trials need at least two "
                "epochs. Raise the epochs, or choose no pruner."
            )

    @property
    def most_epochs(self) -> int:
        """The epochs of the longest trial."""
        varied = [item.high for item in self.vary if item.path == "training.epochs"]
        return int(varied[0]) if varied else self.base.training.epochs

    @property
    def grid_size(self) -> int:
        """The number of combinations of a grid over what varies."""
        return math.prod(len(item.grid()) for item in self.vary)

    @property
    def most_trials(self) -> int:
        """The number of trials at most: a grid ends with its last combination."""
        return min(self.trials, self.grid_size) if self.sampler == "grid" else self.trials

    @property
    def kinds(self) -> list[Objective]:
        """Its objectives."""
        return [OBJECTIVES[name] for name in self.objectives]

    @property
    def titles(self) -> list[str]:
        """The titles of its objectives."""
        return [_title(name, self.target) for name in self.objectives]

    @classmethod
    def from_json(cls, text: str | bytes) -> StudySpec:
        """The inverse of `model_dump_json`. Raises ExperimentError."""
        return _said(lambda: cls.model_validate_json(text))

    @classmethod
    def parse(cls, **values: object) -> StudySpec:
        """A study from its fields. Raises ExperimentError with sentences for people."""
        return _said(lambda: cls.model_validate(values))


def default_study(base: Experiment | None = None) -> StudySpec:
    """A study that shows something within two minutes on two cores.

    Of `base` (by default the two-layer network on 5,000 images), the learning rate and the size
    of the first layer that has one.
    """
    if base is None:
        short = {"training_images": 5_000, "epochs": 3}
        preset = PRESETS["two-layer"]
        training = preset.training.model_copy(update=short)
        base = preset.model_copy(update={"training": training})
    varied = {knob.path: knob for knob in search_space.knobs(base)}
    sizes = [path for path in varied if path.endswith((".units", ".filters"))]
    chosen = ["training.learning_rate", *sizes[:1]]
    return StudySpec(base=base, vary=tuple(search_space.vary(varied[path]) for path in chosen))


def _title(name: ObjectiveName, target: float) -> str:
    return f"seconds to {100 * target:g}%" if name == "time" else OBJECTIVES[name].title


def _said(make: Callable[[], StudySpec]) -> StudySpec:
    try:
        return make()
    except ValidationError as error:
        raise from_validation_error(error, StudySpec, {}) from None


def _problem(message: str) -> ExperimentError:
    return ExperimentError([Problem(message)])
