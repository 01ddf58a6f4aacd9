"""Checked values, and what their fields accept: limits, choices, how they are edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Value(BaseModel):
    """A frozen value: equal and hashable by content, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Editing:
    """The widget of a field in an editor, and its range in a study.

    Attributes:
        label: What its widget is called; empty for the field's own name.
        step: By how much its widget goes up or down, where it is no whole number.
        slider: True for a slider from the lowest to the highest value.
        only_with: (another field, its value): the field means something with that value alone.
        first: What a field without a default holds in a new layer.
        varied: False where a study does not vary it.
        study: The range that a study begins with; None for all that is allowed.
        log: True where a study draws as many values from 1 to 10 as from 10 to 100.
    """

    label: str = ""
    step: float = 0.1
    slider: bool = False
    only_with: tuple[str, str] | None = None
    first: int | float | None = None
    varied: bool = True
    study: tuple[float, float] | None = None
    log: bool = False


@dataclass(frozen=True)
class FieldForm:
    """The values that a field accepts: one of `choices`, or a number from `low` to `high`.

    `number` is int or float, None where the field is no number; `optional` fields take None.
    """

    choices: tuple[str, ...]
    number: type[int] | type[float] | None
    optional: bool
    low: int | float | None
    high: int | float | None
    editing: Editing


def field_form(info: FieldInfo) -> FieldForm:
    """The values that a field of a `Value` accepts, read from its annotation."""
    kinds = list(get_args(info.annotation) or (info.annotation,))
    notes: list[Any] = list(info.metadata)
    for kind in tuple(kinds):  # of Annotated[int, Field(ge=1)] | None the first is annotated itself
        for note in getattr(kind, "__metadata__", ()):
            notes += note.metadata if isinstance(note, FieldInfo) else [note]
        kinds += get_args(kind)
    return FieldForm(
        choices=tuple(kind for kind in kinds if isinstance(kind, str)),
        number=int if int in kinds else float if float in kinds else None,
        optional=type(None) in kinds,
        low=next((note.ge for note in notes if isinstance(note, Ge)), None),  # type: ignore[arg-type]
        high=next((note.le for note in notes if isinstance(note, Le)), None),  # type: ignore[arg-type]
        editing=next((note for note in notes if isinstance(note, Editing)), Editing()),
    )
