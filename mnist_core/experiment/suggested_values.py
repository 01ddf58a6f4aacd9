"""Values of a setting that are worth trying around the one that an experiment has."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mnist_core.experiment.search_space import Knob, Setting

MOST_CHOICES = 6
# Of values of one digit each, three a power of ten: 0.001, 0.003, 0.01.
_HALF_DECADES = (1, 3)
_STEPS = 2  # to each side
_DOUBLED = ("units", "filters", "epochs", "batch_size", "training_images")


def suggested_values(knob: Knob) -> list[Setting]:
    """About five values, the experiment's own among them, smallest first."""
    if knob.kind == "choice" and not _is_number(knob.value):
        rest = [option for option in knob.options if option != knob.value]
        own = [] if knob.value is None else [knob.value]
        return [*own, *rest][:MOST_CHOICES]
    name = knob.path.rpartition(".")[2]
    if knob.kind == "choice":  # a batch size
        return sorted(_nearest(list(knob.options), knob), key=_number)
    if name in _DOUBLED:
        own_value = _number(knob.value) or knob.first_high
        values: Iterable[float] = (
            round(own_value * 2.0**step) for step in range(-_STEPS, _STEPS + 1)
        )
    elif knob.log:
        values = _around(_number(knob.value) or math.sqrt(knob.first_low * knob.first_high))
    else:
        values = _even(knob)
    inside = {min(max(value, knob.low), knob.high) for value in values}
    inside |= {_number(knob.value)} if _is_number(knob.value) else set()
    return sorted(int(value) if knob.kind == "int" else value for value in inside)


def _is_number(value: Setting | None) -> bool:
    return isinstance(value, int | float)


def _number(value: Setting | None) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _nearest(options: list[Setting], knob: Knob) -> list[Setting]:
    own = _number(knob.value) or _number(options[0])
    near = sorted(options, key=lambda option: abs(math.log(_number(option) / own)))
    return near[: 2 * _STEPS + 1]


def _around(value: float) -> list[float]:
    """Two half decades to each side: 0.001 → 0.0001, 0.0003, 0.001, 0.003, 0.01."""
    power = math.floor(math.log10(value))
    series = sorted(
        float(f"{digit * 10.0 ** (power + shift):.6g}")
        for shift in range(-2, 3)
        for digit in _HALF_DECADES
    )
    below = [each for each in series if each < value * 0.99][-_STEPS:]
    above = [each for each in series if each > value * 1.01][:_STEPS]
    return [*below, value, *above]


def _even(knob: Knob) -> list[float]:
    """Equal steps over the usual range."""
    steps = 2 * _STEPS
    width = knob.first_high - knob.first_low
    values = [knob.first_low + width * share / steps for share in range(steps + 1)]
    whole = knob.kind == "int"
    return [float(round(value)) if whole else float(f"{value:.3g}") for value in values]
