"""Mistakes in an experiment, each as one sentence that names the place and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from mnist_core.experiment.fields import field_form
from mnist_core.experiment.layers import LAYERS, layer_title


@dataclass(frozen=True)
class Problem:
    """One mistake. `layer` counts from 0 and, like `field`, is None when no one place is at fault.

    `missing_layer` is the kind of layer that, put before `layer` (or at the end), mends it.
    """

    message: str
    layer: int | None = None
    field: str | None = None
    missing_layer: str | None = None


class ExperimentError(ValueError):
    """An experiment that cannot be trained; `problems` says why, `str()` gives all sentences."""

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problem.message for problem in self.problems))


def from_validation_error(
    error: ValidationError, model: type[BaseModel], data: Any
) -> ExperimentError:
    """pydantic's findings about `data`, said for the learner. `model` is the outermost class."""
    problems: list[Problem] = []
    for item in error.errors():
        if item["type"] == _OWN_ERROR:
            problems += item["ctx"]["problems"]
        else:
            problems.append(_problem(item, model, data))
    return ExperimentError(problems)


_OWN_ERROR = "experiment"


def inside_pydantic(check: Callable[[], object]) -> None:
    """Run `check` in a validator; its ExperimentError reaches the caller with its problems."""
    try:
        check()
    except ExperimentError as error:
        context = {"message": str(error), "problems": list(error.problems)}
        raise PydanticCustomError(_OWN_ERROR, "{message}", context) from None


def _problem(error: ErrorDetails, model: type[BaseModel], data: Any) -> Problem:
    location = [part for part in error["loc"] if part not in LAYERS]
    layer = _layer_index(location)
    owner: type[BaseModel] | None = model
    prefix = ""
    if layer is not None:
        kind = _layer_kind(data, layer)
        prefix = f"{layer_title(layer, kind)}: " if kind else f"Layer {layer + 1}: "
        owner = LAYERS.get(kind)
        if error["type"].startswith("union_tag"):
            known = ", ".join(LAYERS)
            return Problem(f"{prefix}there is no such layer type; use one of {known}.", layer)
    else:
        for part in location[:-1]:
            owner = _submodel(owner, str(part))
    field = str(location[-1]) if location else None
    received = _show(error.get("input"))
    name = (field or "experiment").replace("_", " ")
    if error["type"] == "extra_forbidden":
        text = f"{prefix}there is no setting called “{name}”; remove it or correct its name."
    elif error["type"] == "missing":
        text = f"{prefix}{name} is missing; add {_expected(owner, field)}."
    else:
        text = f"{prefix}{name} is {received}; choose {_expected(owner, field)}."
    return Problem(capitalised(text), layer, field)


def capitalised(text: str) -> str:
    """The text with its first letter as a capital; the others stay as they are."""
    return text[0].upper() + text[1:]


def _layer_index(location: list[Any]) -> int | None:
    if "layers" in location:
        after = location[location.index("layers") + 1 :]
        if after and isinstance(after[0], int):
            return after[0]
    return None


def _layer_kind(data: Any, index: int) -> str:
    try:
        network = data.get("network", data)
        layer = network["layers"][index]
        kind = layer["kind"] if isinstance(layer, Mapping) else layer.kind
    except (KeyError, IndexError, TypeError, AttributeError):
        return ""
    return kind if isinstance(kind, str) and kind in LAYERS else ""


def _submodel(owner: type[BaseModel] | None, field: str) -> type[BaseModel] | None:
    info = owner.model_fields.get(field) if owner else None
    kind = info.annotation if info else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _expected(owner: type[BaseModel] | None, field: str | None) -> str:
    info = owner.model_fields.get(field) if owner and field else None
    return describe_field(info) if info else "a valid value"


def describe_field(info: FieldInfo) -> str:
    """The values that a field accepts, in words.

    >>> from mnist_core.experiment.layers import Conv
    >>> describe_field(Conv.model_fields["kernel_size"])
    'a whole number from 1 to 28'
    """
    form = field_form(info)
    if form.choices:
        return "one of " + ", ".join(form.choices)
    if form.number:
        noun = "a whole number" if form.number is int else "a number"
        limited = form.low is not None and form.high is not None
        span = f" from {form.low:,} to {form.high:,}" if limited else ""
        return f"{noun}{span}" + (", or leave it empty" if form.optional else "")
    return "a short text" if info.annotation is str else "a valid value"


def _show(value: Any) -> str:
    if value is None:
        return "empty"
    text = str(value) if isinstance(value, (int, float, bool)) else f"“{value}”"
    return text if len(text) <= 40 else text[:39] + "…"
