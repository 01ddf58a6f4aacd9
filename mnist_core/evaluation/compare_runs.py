"""Runs next to each other: what their experiments have in common, and what sets them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from mnist_core.experiment.layers import LayerSpec
from mnist_core.experiment.presets import PRESETS
from mnist_core.experiment.spec import MNIST, Experiment, NetworkSpec
from mnist_core.storage.store import Run

# How a table names a setting; the others are named by their field.
NAMES = {"optimizer": "Optimiser", "output_initializer": "Output initialiser"}
# So many settings other than a preset's, in so many characters, still make a name.
MOST_NAMED, LONGEST_TOLD = 2, 45
# A table of runs says under “Epochs” how many a run has trained.
EPOCHS, PLANNED = "Epochs", "Epochs planned"


@lru_cache(maxsize=4096)
def settings(experiment: Experiment) -> Mapping[str, str]:
    """Every setting in words, in a fixed order: {"Layer 1": "flatten", "Optimiser": "adam", …}.

    The experiment's name is not among them. Settings that are not set are "–".
    """
    return {name: _words(value) for name, value in _values(experiment).items()}


@lru_cache(maxsize=4096)
def _values(experiment: Experiment) -> Mapping[str, object]:
    """Every setting under its name: layers in words, all others as they are."""
    found: dict[str, object] = {
        f"Layer {index + 1}": layer_words(layer)
        for index, layer in enumerate(experiment.network.layers)
    }
    # How many classes there are follows from the data set.
    rest = experiment.network.model_dump(exclude={"layers", "classes"})
    rest |= experiment.training.model_dump(exclude={"augmentation"})
    # A set of one's own by the beginning of its digest: it can be called otherwise elsewhere.
    rest |= {"Data set": "MNIST" if experiment.data == MNIST else experiment.data[:8]}
    rest |= {
        f"augmentation: {name}": value
        for name, value in experiment.training.augmentation.model_dump().items()
    }
    for name, value in rest.items():
        found[NAMES.get(name, name.replace("_", " ").capitalize())] = value
    return found


def layer_words(layer: LayerSpec) -> str:
    """A layer in a few words, its defaults left out: "convolution · filters 32 · stride 2"."""
    parts = [layer.title]
    for name, field in type(layer).model_fields.items():
        value = getattr(layer, name)
        if name != "kind" and value != field.default:
            words = name.replace("_", " ")
            parts.append(words if value is True else f"{words} {_words(value)}")
    return " · ".join(parts)


def layers_in_short(network: NetworkSpec) -> str:
    """The hidden layers in a line: "conv 32 · pool 2×2 · dense 64 ×6"; flatten is left out."""
    words = [layer.short() for layer in network.layers if layer.kind != "flatten"]
    runs = [(word, len(list(same))) for word, same in groupby(words)]
    return " · ".join(word if count == 1 else f"{word} ×{count}" for word, count in runs) or "none"


def differing(experiments: Sequence[Experiment]) -> list[str]:
    """The settings whose values are not the same in all experiments, in their usual order."""
    all_settings = [settings(experiment) for experiment in experiments]
    names = dict.fromkeys(name for each in all_settings for name in each)
    ordered = sorted(names, key=lambda name: (not name.startswith("Layer "), _number(name)))
    return [name for name in ordered if len({each.get(name) for each in all_settings}) > 1]


def differences(experiments: Sequence[Experiment]) -> dict[str, list[str]]:
    """`differing` with each experiment's value; "–" where a network has no such layer."""
    all_settings = [settings(experiment) for experiment in experiments]
    return {name: [each.get(name, "–") for each in all_settings] for name in differing(experiments)}


def told_by_preset(experiment: Experiment) -> str | None:
    """The preset from which it comes and what is other: "two-layer, learning rate 0.01".

    None when it has other kinds of layers than each preset, more than `MOST_NAMED` other settings,
    or when to tell them takes more than `LONGEST_TOLD` characters. The data set is not told.
    """
    found: tuple[str, list[str]] | None = None
    for name, preset in PRESETS.items():
        if [layer.kind for layer in preset.network.layers] != [
            layer.kind for layer in experiment.network.layers
        ]:
            continue
        changes = _changes(preset, experiment)
        if len(changes) <= MOST_NAMED and (found is None or len(changes) < len(found[1])):
            found = name, changes
    told = ", ".join([found[0], *found[1]]) if found else ""
    return told if 0 < len(told) <= LONGEST_TOLD else None


def _changes(preset: Experiment, experiment: Experiment) -> list[str]:
    """The differences, each in words; both have the same kinds of layers."""
    changes = []
    pairs = zip(preset.network.layers, experiment.network.layers, strict=True)
    for number, (old, new) in enumerate(pairs, 1):
        for name in type(new).model_fields:
            if getattr(new, name) != getattr(old, name):
                what = f"layer {number} {name.replace('_', ' ')}"
                value = getattr(new, name)
                is_switch = isinstance(value, bool)
                changes.append(f"{'' if value else 'not '}{what}" if is_switch
                               else _change(what, _words(value)))  # fmt: skip
    for name, (_, value) in differences([preset, experiment]).items():
        if not name.startswith("Layer ") and name != "Data set":
            changes.append(_change(name.lower().removeprefix("augmentation: "), value))
    return changes


def _change(what: str, value: str) -> str:
    return f"{what} not set" if value == "–" else f"{what} {value}"


def columns(
    experiments: Sequence[Experiment],
) -> dict[str, list[str] | list[float | None]]:
    """`differences` as columns of a table of runs: numbers stay numbers, so that they sort."""
    found: dict[str, list[str] | list[float | None]] = {}
    every = [_values(experiment) for experiment in experiments]
    for name, words in differences(experiments).items():
        values = [each.get(name) for each in every]
        numbers = [
            float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
            for value in values
        ]
        title = PLANNED if name == EPOCHS else name
        found[title] = numbers if numbers.count(None) == values.count(None) else words
    return found


def matching(runs: Sequence[Run], wanted: str) -> list[Run]:
    """The runs that hold every word of `wanted` in their name, tags, note, status or settings."""
    words = wanted.casefold().split()
    if not words:
        return list(runs)
    return [run for run in runs if all(word in _text(run) for word in words)]


def _text(run: Run) -> str:
    own = [run.name, run.note, run.status, run.preset or "", *run.tags]
    return "\n".join([*own, _settings_text(run.experiment)]).casefold()


@lru_cache(maxsize=4096)
def _settings_text(experiment: Experiment) -> str:
    return "\n".join(f"{name} {value}" for name, value in settings(experiment).items())


def _number(name: str) -> int:
    last = name.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


def _words(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")
