"""Keras's description of a model (versions 1 to 3) as the list of its layers, in their order.

The description is only read. Nothing that it names is looked up or made; what Keras itself does
not know is refused, whatever place it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_core.base.untrusted import FileRefused

Config = Mapping[str, Any]
Name = tuple[str, ...]

MAX_LAYERS, MAX_NESTED = 150, 5
MODELS = ("Sequential", "Functional", "Model")
# What may stand in a layer's settings besides numbers and texts, by the end of the setting's name.
_INITIALIZERS = {
    "zeros", "ones", "constant", "randomnormal", "randomuniform", "truncatednormal",
    "variancescaling", "orthogonal", "identity", "glorotuniform", "glorotnormal", "heuniform",
    "henormal", "lecununiform", "lecunnormal", "uniform", "normal", "zero", "one", "stft",
}  # fmt: skip
_REGULARIZERS = {"l1", "l2", "l1l2", "orthogonalregularizer", "weightregularizer"}
_CONSTRAINTS = {"maxnorm", "nonneg", "unitnorm", "minmaxnorm", "radialconstraint"}
_ROLES = {
    "initializer": _INITIALIZERS,
    "regularizer": _REGULARIZERS,
    "constraint": _CONSTRAINTS,
}
# Values of Keras 3 that are no layers: a tensor's place, a list of numbers, a number type.
_VALUES = {"__keras_tensor__", "__numpy__", "__tensor__", "__tuple__", "__slice__", "DTypePolicy",
           "Policy", "TypedPolicy", "dtype"}  # fmt: skip
_CODE = ("Lambda", "__lambda__", "function", "__function__")


@dataclass(frozen=True)
class KerasLayer:
    """A layer as the file describes it.

    `name` are the names from the outermost model inwards; `saved` is where Keras 3 keeps its
    weights: "layers/dense_1". `words` is what sentences about it open with.
    """

    class_name: str
    name: Name
    saved: str
    settings: Config

    @property
    def words(self) -> str:
        """The opening of sentences about the layer."""
        return f"Layer “{self.name[-1][:40]}” ({self.class_name[:40]})"


@dataclass(frozen=True)
class KerasModel:
    """The layers in order, the input's own left out; `input_shape` without the batch axis.

    `input_shape` is None where the file does not say it.
    """

    input_shape: tuple[Any, ...] | None
    layers: tuple[KerasLayer, ...]


def read_model(config: Any) -> KerasModel:
    """The layers of a model that is one plain stack. Raises FileRefused."""
    if not isinstance(config, dict) or config.get("class_name") is None:
        raise FileRefused("This file does not hold the description of a Keras model.")
    config = _without_training(config)
    _refuse_code(config, "the model", "")
    layers = list(_chain(config, (), ""))
    shape = _given_shape(layers[0].settings) if layers else None
    if shape is None:
        shape = _given_shape(_part(config, "build_config")) or _given_shape(_part(config, "config"))
    layers = [layer for layer in layers if layer.class_name != "InputLayer"]
    if not layers:
        raise FileRefused("This model has no layers.")
    if len(layers) > MAX_LAYERS:
        raise FileRefused(f"This model has more than {MAX_LAYERS} layers.")
    return KerasModel(shape, tuple(layers))


def _part(config: Config, name: str) -> Config:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _given_shape(settings: Config) -> tuple[Any, ...] | None:
    for name in ("batch_shape", "batch_input_shape", "input_shape", "build_input_shape"):
        shape = settings.get(name)
        if isinstance(shape, list) and len(shape) > 1:
            return tuple(shape[1:])
    return None


def _without_training(value: Any) -> Any:
    """The description without how the model was trained, which is not looked at."""
    if isinstance(value, list):
        return [_without_training(inner) for inner in value]
    if isinstance(value, dict):
        return {
            name: _without_training(inner)
            for name, inner in value.items()
            if name not in ("compile_config", "training_config", "optimizer_config")
        }
    return value


# --- Nothing but Keras ---------------------------------------------------------------------------


def _refuse_code(value: Any, owner: str, setting: str) -> None:
    """No custom objects, no Lambda, nothing from outside Keras, at any depth."""
    if isinstance(value, list):
        for inner in value:
            _refuse_code(inner, owner, setting)
    if not isinstance(value, dict):
        return
    settings = value.get("config")
    if isinstance(settings, dict) and isinstance(settings.get("name"), str):
        owner = f"layer “{settings['name'][:40]}”"
    if "class_name" in value:
        _check_class(value, owner, setting)
    for name, inner in value.items():
        # What a setting's own settings are called says nothing about its role.
        _refuse_code(inner, owner, setting if name == "config" else str(name))


def _check_class(value: Config, owner: str, setting: str) -> None:
    class_name, module = value["class_name"], value.get("module")
    if class_name in _CODE and not _is_builtin(value):
        raise FileRefused(
            f"This model is refused: {owner} contains custom code (a Lambda), which could do "
            "anything when loaded. Replace it by standard layers, such as Rescaling or Reshape, "
            "and save the model again."
        )
    if class_name in _VALUES or class_name in _CODE:
        return
    registered = value.get("registered_name")
    known = (
        isinstance(class_name, str)
        and class_name.isidentifier()
        and (module is None or str(module).split(".")[0] in ("keras", "tf_keras", "tensorflow"))
        and registered in (None, class_name)
    )
    role = next((role for role in _ROLES if setting.endswith(role)), None)
    if role is not None:
        known = known and str(class_name).replace("_", "").lower() in _ROLES[role]
    if not known:
        shown = class_name[:40] if isinstance(class_name, str) else "?"
        place = f" as its {setting.replace('_', ' ')[:40]}" if role else ""
        raise FileRefused(
            f"This model is refused: {owner} uses “{shown}”{place}, a custom object that is not "
            "part of Keras."
        )


def _is_builtin(value: Config) -> bool:
    """Keras 3 writes the function relu as {"class_name": "function", "module": "builtins"}."""
    return (
        value["class_name"] == "function"
        and value.get("module") == "builtins"
        and isinstance(value.get("config"), str)
        and value.get("registered_name") in (None, "function", value.get("config"))
        and str(value["config"]).isidentifier()
    )


# --- One layer after the other -------------------------------------------------------------------


def _chain(model: Config, above: Name, saved: str) -> Iterator[KerasLayer]:
    """The layers one after the other, those of models inside models included."""
    if len(above) >= MAX_NESTED:
        raise FileRefused("This model nests models too deeply.")
    layers = _layers_of(model)
    places = _saved_places(layers)
    if model.get("class_name") != "Sequential":
        layers = _in_order(layers, _part(model, "config"))
    for layer in layers:
        name = str(layer["config"]["name"])
        class_name = str(layer.get("class_name"))
        place = f"{saved}layers/{places[name]}"
        if class_name in MODELS:
            yield from _chain(layer, (*above, name), f"{place}/")
        else:
            yield KerasLayer(class_name, (*above, name), place, layer["config"])


def _layers_of(model: Config) -> list[dict[str, Any]]:
    """The descriptions of a model's layers; before version 2.2.3 a Sequential was a list."""
    settings = model.get("config")
    layers = settings.get("layers") if isinstance(settings, dict) else settings
    if model.get("class_name") not in MODELS or not isinstance(layers, list):
        raise FileRefused(
            "This file holds no Sequential or Functional model of Keras. A model class of your "
            "own is code, which is not loaded: build the same layers as a Sequential model and "
            "copy the weights with set_weights(get_weights())."
        )
    for number, layer in enumerate(layers):
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            if not (isinstance(layer, dict) and isinstance(layer.get("config"), list)):
                raise FileRefused("This file is inconsistent: a layer has no settings.")
            layer["config"] = {"name": layer.get("name", f"model_{number}"),
                               "layers": layer["config"]}  # fmt: skip
        name = layer["config"].setdefault("name", layer.get("name"))
        if not isinstance(name, str):
            raise FileRefused("This file is inconsistent: a layer has no name.")
    names = [layer["config"]["name"] for layer in layers]
    if len(set(names)) < len(names):
        raise FileRefused("This file is inconsistent: two layers have the same name.")
    return layers


def _saved_places(layers: Sequence[Config]) -> dict[str, str]:
    """The groups in which Keras 3 keeps each layer's weights: by class, numbered in their order."""
    counts: dict[str, int] = {}
    places = {}
    for layer in layers:
        base = snake_case(str(layer.get("class_name")))
        number = counts.get(base, -1) + 1
        counts[base] = number
        places[layer["config"]["name"]] = f"{base}_{number}" if number else base
    return places


def snake_case(name: str) -> str:
    """A class's name as Keras writes it in a file: "MaxPooling2D" → "max_pooling2d"."""
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()


def _in_order(layers: Sequence[dict[str, Any]], settings: Config) -> list[dict[str, Any]]:
    """A Functional model's layers from its input to its output; no branches. Raises FileRefused."""
    by_name = {layer["config"]["name"]: layer for layer in layers}
    outputs = list(_ends(settings.get("output_layers")))
    inputs = list(_ends(settings.get("input_layers")))
    if len(outputs) != 1 or len(inputs) != 1:
        raise FileRefused(
            f"This model has {len(inputs)} inputs and {len(outputs)} outputs; MNIST Lab shows "
            "networks of one input and one output."
        )
    found: list[dict[str, Any]] = []
    name = outputs[0]
    while name in by_name and len(found) <= len(by_name):
        layer = by_name[name]
        found.append(layer)
        if name == inputs[0]:
            return found[::-1]
        sources = list(_sources(layer.get("inbound_nodes")))
        if len(sources) != 1:
            raise FileRefused(
                f"Layer “{name[:40]}” ({str(layer.get('class_name'))[:40]}) takes "
                f"{len(sources)} inputs: only networks whose layers stand one after the other "
                "can be shown here, without branches."
            )
        name = sources[0]
    raise FileRefused("This file is inconsistent: its layers are not connected.")


def _ends(value: Any) -> Iterator[str]:
    """The layers in `input_layers`, which is [["a", 0, 0]], or ["a", 0, 0] for a single one."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        yield value[0]
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _ends(inner)


def _sources(value: Any) -> Iterator[str]:
    """The names of the layers that a layer takes its inputs from, in Keras 1 to 3."""
    if isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
            yield value[0]
            return
        for inner in value:
            yield from _sources(inner)
    elif isinstance(value, dict):
        settings = value.get("config")
        if value.get("class_name") == "__keras_tensor__" and isinstance(settings, dict):
            history = settings.get("keras_history")
            yield str(history[0]) if isinstance(history, list) and history else ""
        else:
            for inner in value.values():
                yield from _sources(inner)
