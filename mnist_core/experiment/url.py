"""An experiment's settings as a URL query, short enough to read and to send in a message.

Layers are written as `conv(filters:32,kernel_size:3);flatten`, joined by `;`, everything else
as `name=value`; augmentation settings carry the prefix `augment_`. Settings at their default
are left out. This module knows the notation only; `mnist_core.experiment.spec` validates the
values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import BaseModel

from mnist_core.experiment.layers import LAYERS
from mnist_core.experiment.validation import ExperimentError, Problem

MAX_QUERY_LENGTH = 8_000
NETWORK_FIELDS = ("layers", "output_initializer", "classes")
EXPERIMENT_FIELDS = ("name", "data")
AUGMENT = "augment_"
_LAYER = re.compile(r"([a-z_]+)(?:\(([^()]*)\))?")


def encode(network: BaseModel, training: BaseModel, name: str, data: str) -> str:
    """Settings that differ from their defaults → "layers=flatten;dense(units:32)&epochs=3"."""
    settings: dict[str, str] = {"name": name} if name else {}
    if data != "mnist":
        settings["data"] = data
    for field, value in _changed(network):
        is_layers = field == "layers"
        settings[field] = ";".join(map(_layer_text, value)) if is_layers else _text(value)
    for field, value in _changed(training):
        if isinstance(value, BaseModel):
            settings |= {AUGMENT + part: _text(number) for part, number in _changed(value)}
        else:
            settings[field] = _text(value)
    return urlencode(settings, safe="():;,", quote_via=quote)


def split(text: str | Mapping[str, str]) -> dict[str, str]:
    """A query (with or without its "?") as a dict; a setting given twice is a mistake."""
    if isinstance(text, Mapping):
        return dict(text)
    if len(text) > MAX_QUERY_LENGTH:
        raise _error(
            f"This link is {len(text):,} characters long; at most {MAX_QUERY_LENGTH:,} are "
            "allowed. Was it pasted twice?"
        )
    pairs = parse_qsl(text.removeprefix("?"), keep_blank_values=True, separator="&")
    settings = dict(pairs)
    if len(settings) < len(pairs):
        raise _error("This link contains a setting twice; keep one of them.")
    return settings


def decode(settings: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any]:
    """The nested dict that `Experiment.parse` reads: `base`, changed by `settings`."""
    network = dict(base.get("network", {}))
    training = dict(base.get("training", {}))
    result: dict[str, Any] = {"network": network, "training": training}
    result |= {field: base[field] for field in EXPERIMENT_FIELDS if field in base}
    for field, text in settings.items():
        if field in EXPERIMENT_FIELDS:
            result[field] = text
        elif field == "layers":
            network["layers"] = [_layer(index, part) for index, part in enumerate(_parts(text))]
        elif field in NETWORK_FIELDS:
            network[field] = text
        elif field.startswith(AUGMENT):
            augmentation = dict(training.get("augmentation", {}))
            augmentation[field.removeprefix(AUGMENT)] = text
            training["augmentation"] = augmentation
        else:
            training[field] = None if text == "" else text
    return result


def _changed(value: BaseModel) -> list[tuple[str, Any]]:
    """Fields that are required or not at their default, with their values."""
    return [
        (field, getattr(value, field))
        for field, info in type(value).model_fields.items()
        if field != "kind" and (info.is_required() or getattr(value, field) != info.default)
    ]


def _layer_text(layer: Any) -> str:
    settings = ",".join(f"{field}:{_text(value)}" for field, value in _changed(layer))
    return f"{layer.kind}({settings})" if settings else str(layer.kind)


def _text(value: Any) -> str:
    # repr gives the shortest digits that read back as the same float.
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _parts(text: str) -> list[str]:
    return [part for part in text.split(";") if part.strip()]


def _layer(index: int, text: str) -> dict[str, Any]:
    match = _LAYER.fullmatch(text.strip())
    if not match:
        raise _error(
            f"Layer {index + 1} of this link reads “{text[:40]}”, which is not a layer. Write "
            "it like dense(units:32) or conv(filters:8,kernel_size:5).",
            index,
        )
    kind, inner = match.groups()
    layer: dict[str, Any] = {"kind": kind}
    known = LAYERS.get(kind)
    for pair in (inner or "").split(","):
        if not pair:
            continue
        field, _, value = pair.partition(":")
        optional = known is not None and field in known.model_fields and value == ""
        layer[field.strip()] = None if optional else value.strip()
    return layer


def _error(message: str, layer: int | None = None) -> ExperimentError:
    return ExperimentError([Problem(message, layer)])
