"""The settings that can vary in an experiment, and an experiment with some of them varied."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from mnist_core.experiment.fields import Value, field_form
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.shapes import MAX_LAYERS
from mnist_core.experiment.spec import Augmentation, Experiment, TrainingSpec
from mnist_core.experiment.validation import (
    ExperimentError,
    Problem,
    capitalised,
    inside_pydantic,
)

Kind = Literal["float", "int", "choice"]
Setting = str | int | float
COPIES = "copies"
MAX_COPIES = 10
# Values of one setting in a grid.
MOST_VALUES = 50
BATCH_SIZES = (16, 32, 64, 128, 256, 512)
# Ranges to begin with; the limits themselves come from the experiment's own fields, all that
# concerns a layer from its type.
_FIRST_RANGE: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-4, 1e-1),
    "epochs": (1, 10),
    "weight_decay": (1e-5, 1e-1),
    "label_smoothing": (0.0, 0.2),
    "training_images": (1_000, 20_000),
    "seed": (0, 9),
    COPIES: (1, 4),
}
_LOGARITHMIC = ("learning_rate", "weight_decay", "training_images")
_LEFT_OUT = (
    *("augmentation", "validation_share", "max_minutes", "target_accuracy", "patience"),
    *("precision", "kind"),
    "loss",  # trials of different losses could not be compared by it
)


@dataclass(frozen=True)
class Knob:
    """A setting of an experiment that a study can vary.

    `path` names it ("training.learning_rate", "network.layers.1.units"), `title` is for people
    and the same for the same path. `low` and `high` are the limits, `first_low` and `first_high`
    a sensible range; `options` are the names of a choice. `value` is what the experiment has.
    """

    path: str
    title: str
    kind: Kind
    value: Setting | None
    low: float = 0.0
    high: float = 0.0
    first_low: float = 0.0
    first_high: float = 0.0
    log: bool = False
    options: tuple[Setting, ...] = ()


class Vary(Value):
    """One setting and the values it may take: from `low` to `high`, or one of `options`.

    `log` draws as many values from 0.001 to 0.01 as from 0.01 to 0.1. A grid takes `values` from
    the range, or when there are none so many `points` in equal steps.
    """

    path: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    points: int = Field(default=4, ge=2, le=MOST_VALUES)
    values: tuple[float, ...] = Field(default=(), max_length=MOST_VALUES)
    options: tuple[Setting, ...] = ()

    @property
    def title(self) -> str:
        """The setting's name for people, and Optuna's name for it."""
        return title_of(self.path)

    def grid(self) -> list[Setting]:
        """The values of a grid, smallest first; each once."""
        if self.kind == "choice":
            return list(self.options)
        if self.values:
            return sorted({int(value) if self.kind == "int" else value for value in self.values})
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            values = [math.exp(low + (high - low) * share) for share in self._shares()]
        else:
            values = [self.low + (self.high - self.low) * share for share in self._shares()]
        if self.kind == "int":
            return sorted({round(value) for value in values})
        # Rounding must not push the ends out of the range.
        return [min(max(float(f"{value:.6g}"), self.low), self.high) for value in values]

    def _shares(self) -> Iterator[float]:
        return (i / (self.points - 1) for i in range(self.points))

    @model_validator(mode="after")
    def _check(self) -> Self:
        inside_pydantic(self._check_range)
        return self

    def _check_range(self) -> None:
        if self.kind == "choice":
            if len(set(self.options)) < 2:
                raise _problem(f"{capitalised(self.title)}: choose at least two values to vary.")
        elif not self.low < self.high:
            raise _problem(
                f"{capitalised(self.title)}: the range from {self.low:g} to {self.high:g} is "
                "empty; its end must be above its start."
            )
        elif self.log and self.low <= 0:
            raise _problem(
                f"{capitalised(self.title)}: a logarithmic range cannot start at {self.low:g}; "
                "start above 0, or vary it evenly."
            )
        elif strange := [each for each in self.values if not self.low <= each <= self.high]:
            raise _problem(
                f"{capitalised(self.title)}: {strange[0]:g} is outside the range from "
                f"{self.low:g} to {self.high:g}."
            )


def knobs(experiment: Experiment) -> list[Knob]:
    """Everything in `experiment` that a study can vary: training, layers, then augmentation."""
    training = experiment.training
    found = [
        _knob(f"training.{name}", info, getattr(training, name))
        for name, info in TrainingSpec.model_fields.items()
        if name not in _LEFT_OUT
    ]
    for index, layer in enumerate(experiment.network.layers):
        at = f"network.layers.{index}"
        if layer.repeatable:
            found.append(_copies(at))
        found += [
            _knob(f"{at}.{name}", info, getattr(layer, name))
            for name, info in type(layer).model_fields.items()
            if name not in _LEFT_OUT and field_form(info).editing.varied
        ]
    found += [
        _knob(f"training.augmentation.{name}", info, getattr(training.augmentation, name))
        for name, info in Augmentation.model_fields.items()
    ]
    return found


def vary(knob: Knob) -> Vary:
    """The knob's first range, or all of its options."""
    return Vary(
        path=knob.path,
        kind=knob.kind,
        low=knob.first_low,
        high=knob.first_high,
        log=knob.log,
        options=knob.options,
    )


def vary_over(knob: Knob, values: Sequence[Setting]) -> Vary:
    """The knob over these values alone. Raises ExperimentError for wrong or too few or many."""
    name, distinct = capitalised(knob.title), list(dict.fromkeys(values))
    if len(distinct) < 2:
        raise _problem(f"{name}: choose at least two different values.")
    if len(distinct) > MOST_VALUES:
        raise _problem(f"{name}: these are {len(distinct)} values; choose at most {MOST_VALUES}.")
    if knob.kind == "choice":
        return Vary(path=knob.path, kind="choice", options=tuple(distinct))
    numbers = [float(value) for value in distinct]
    for number in numbers:
        if not knob.low <= number <= knob.high:
            raise _problem(
                f"{name} is {number:g}; choose values from {knob.low:g} to {knob.high:g}."
            )
        if knob.kind == "int" and not number.is_integer():
            raise _problem(f"{name} is {number:g}; choose whole numbers.")
    low, high = min(numbers), max(numbers)
    return Vary(
        path=knob.path,
        kind=knob.kind,
        low=low,
        high=high,
        log=knob.log and low > 0,
        values=tuple(sorted(numbers)),
    )


def title_of(path: str) -> str:
    """A path for people: "learning rate", "layer 2 units", "rotate (augmentation)"."""
    parts = path.split(".")
    name = parts[-1].replace("_", " ")
    if parts[:2] == ["network", "layers"]:
        layer = f"layer {int(parts[2]) + 1}"
        return f"copies of {layer}" if name == COPIES else f"{layer} {name}"
    if "augmentation" in parts:
        return f"{name} (augmentation)"
    return "optimiser" if name == "optimizer" else name


def check(base: Experiment, varied: Sequence[Vary]) -> None:
    """Raises ExperimentError when a range does not belong to `base` or leaves its limits."""
    known = {knob.path: knob for knob in knobs(base)}
    if len({item.path for item in varied}) < len(varied):
        raise _problem("A setting can be varied only once; remove the second range.")
    for item in varied:
        knob, name = known.get(item.path), capitalised(item.title)
        if knob is None:
            raise _problem(f"{name}: the experiment has no such setting; choose another.")
        if item.kind != knob.kind:
            raise _problem(f"{name}: choose {_expected(knob)}.")
        if item.kind == "choice":
            if strange := [option for option in item.options if option not in knob.options]:
                raise _problem(f"{name}: “{strange[0]}” is not one of its values.")
        elif item.low < knob.low or item.high > knob.high:
            raise _problem(f"{name}: choose a range within {knob.low:g} to {knob.high:g}.")
        elif item.kind == "int" and not (item.low.is_integer() and item.high.is_integer()):
            raise _problem(f"{name}: a range of whole numbers needs whole ends.")
        elif item.kind == "int" and not all(value.is_integer() for value in item.values):
            raise _problem(f"{name}: use whole numbers only.")


def apply(base: Experiment, values: Mapping[str, Setting]) -> Experiment:
    """`base` with the settings at these paths. Raises ExperimentError when it does not fit."""
    data = base.model_dump(mode="json")
    copies: dict[int, int] = {}
    for path, value in values.items():
        *place, name = path.split(".")
        if name == COPIES:
            copies[int(place[-1])] = int(value)
            continue
        target: Any = data
        for part in place:
            target = target[int(part)] if isinstance(target, list) else target[part]
        target[name] = value
    chosen = OPTIMIZERS.get(str(values.get("training.optimizer")))
    if chosen is not None and not chosen.weight_decay:
        # Few optimisers take weight decay; one that varies is the study's own mistake to see.
        data["training"]["weight_decay"] = values.get("training.weight_decay", 0.0)
    layers = data["network"]["layers"]
    data["network"]["layers"] = [
        layer for index, layer in enumerate(layers) for _ in range(copies.get(index, 1))
    ]
    return Experiment.parse(data)


def _knob(path: str, info: FieldInfo, value: Setting | None) -> Knob:
    name = path.rpartition(".")[2]
    if name == "batch_size":
        sizes = tuple(sorted({*BATCH_SIZES, int(value or 0)} - {0}))
        return Knob(path, title_of(path), "choice", value, options=sizes)
    form = field_form(info)
    if form.choices:
        return Knob(path, title_of(path), "choice", value, options=form.choices)
    assert form.low is not None and form.high is not None
    first_low, first_high = form.editing.study or _FIRST_RANGE.get(name, (form.low, form.high))
    return Knob(
        path,
        title_of(path),
        "int" if form.number is int else "float",
        value,
        float(form.low),
        float(form.high),
        max(form.low, first_low),
        min(form.high, first_high),
        form.editing.log or name in _LOGARITHMIC,
    )


def _copies(at: str) -> Knob:
    path = f"{at}.{COPIES}"
    low, high = _FIRST_RANGE[COPIES]
    return Knob(path, title_of(path), "int", 1, 1, min(MAX_COPIES, MAX_LAYERS), low, high)


def _expected(knob: Knob) -> str:
    if knob.kind == "choice":
        return "some of its values"
    return f"a range of {'whole ' if knob.kind == 'int' else ''}numbers"


def _problem(message: str) -> ExperimentError:
    return ExperimentError([Problem(message)])


def layer_note(base: Experiment, path: str) -> str:
    """The kind of layer that a path belongs to: "dense"; empty for training settings."""
    parts = path.split(".")
    if parts[:2] != ["network", "layers"]:
        return ""
    return base.network.layers[int(parts[2])].title
