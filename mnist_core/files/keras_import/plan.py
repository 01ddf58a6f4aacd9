"""A `.keras` file's description → the same network in our own words, without running any of it.

Only layers that are known here pass, with the settings that are known here: what the file says
is never turned into Keras objects before that. Every refusal names the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mnist_core.base.untrusted import FileRefused
from mnist_core.experiment.activations import ACTIVATIONS, LEAK
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.experiment.shapes import INPUT_SHAPE, MAX_LAYERS
from mnist_core.experiment.spec import NetworkSpec, parse_network
from mnist_core.experiment.validation import ExperimentError

EPSILON = 1e-3  # of batch normalisation, Keras's default and ours
INPUTS = (INPUT_SHAPE, INPUT_SHAPE[:2], (INPUT_SHAPE[0] * INPUT_SHAPE[1],))
MAX_FILE_LAYERS = 3 * MAX_LAYERS
MODULES = (
    "keras",
    "keras.layers",
    "keras.initializers",
    "keras.regularizers",
    "keras.models",
    "keras.src.models.functional",
    "keras.src.models.sequential",
)

Config = Mapping[str, Any]
Name = tuple[str, ...]
# What Keras also calls them.
OTHER_NAMES = {also: name for name, each in ACTIVATIONS.items() for also in each.also}


@dataclass
class Plan:
    """How the file's network becomes ours.

    `weighted` lists the layers with weights in order: (names from the outermost model inwards,
    what must be known to take its weights over). `front` is what is done to the image first:
    ("rescale", scale, offset) or ("normalize", names). `input_shape` is one of `INPUTS`;
    `softmax` says whether the file's network ends in one.
    """

    input_shape: tuple[int, ...]
    layers: list[dict[str, Any]] = field(default_factory=list)
    weighted: list[tuple[Name, dict[str, Any]]] = field(default_factory=list)
    front: list[tuple[Any, ...]] = field(default_factory=list)
    softmax: bool = False
    output_initializer: str = "glorot_uniform"
    classes: int = 10

    @property
    def network(self) -> NetworkSpec:
        """Raises FileRefused when the layers do not make a network here."""
        try:
            return parse_network(
                {
                    "layers": self.layers,
                    "output_initializer": self.output_initializer,
                    "classes": self.classes,
                }
            )
        except ExperimentError as error:
            raise FileRefused(f"This model cannot be shown here. {error}") from None


def without_training(value: Any) -> Any:
    """The description without how the model was trained, which is neither needed nor loaded."""
    if isinstance(value, list):
        return [without_training(inner) for inner in value]
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name != "compile_config"}
        return {name: without_training(inner) for name, inner in kept.items()}
    return value


def make_plan(config: Any, classes: int) -> Plan:
    """The plan for the content of `config.json`, of a model with `classes` outputs.

    Raises FileRefused.
    """
    if not isinstance(config, dict):
        raise FileRefused("This file does not hold a Keras model.")
    _refuse_foreign_code(config, "the model")
    steps = list(_chain(config, ()))
    if not steps or steps[0][1] != "InputLayer":
        raise FileRefused(
            "This model does not say what images it expects. Let it begin with "
            "keras.Input((28, 28, 1)) and save it again."
        )
    if len(steps) > MAX_FILE_LAYERS:
        raise FileRefused(f"This model has more than {MAX_FILE_LAYERS} layers.")
    plan = Plan(_input_shape(steps[0][2]), classes=classes)
    if len(plan.input_shape) == 1:
        plan.layers.append({"kind": "flatten"})
    for name, class_name, settings in steps[1:]:
        if class_name != "InputLayer":
            _take(plan, name, class_name, settings)
    _split_off_output(plan)
    return plan


def _refuse_foreign_code(value: Any, owner: str) -> None:
    """No custom objects, no Lambda, nothing from outside Keras, at any depth."""
    if isinstance(value, list):
        for inner in value:
            _refuse_foreign_code(inner, owner)
    if not isinstance(value, dict):
        return
    class_name = value.get("class_name")
    settings = value.get("config")
    if isinstance(settings, dict) and isinstance(settings.get("name"), str):
        owner = f"layer “{settings['name'][:40]}”"
    if class_name is not None:
        _check_class(value, class_name, owner)
    for inner in value.values():
        _refuse_foreign_code(inner, owner)


def _check_class(value: Config, class_name: Any, owner: str) -> None:
    if class_name == "__keras_tensor__":
        return
    if class_name in ("Lambda", "function", "__lambda__"):
        raise FileRefused(
            f"This model is refused: {owner} holds code of its own (a Lambda), which could do "
            "anything when it is loaded."
        )
    registered = value.get("registered_name")
    known = isinstance(class_name, str) and class_name.isidentifier()
    if not known or value.get("module") not in MODULES or registered not in (None, class_name):
        shown = class_name[:40] if isinstance(class_name, str) else "?"
        raise FileRefused(
            f"This model is refused: {owner} uses “{shown}”, a custom object that is no part of "
            "Keras."
        )


def _chain(model: Config, above: Name) -> Iterator[tuple[Name, str, Config]]:
    """The layers one after the other, those of models inside models included."""
    settings = model.get("config")
    layers = settings.get("layers") if isinstance(settings, dict) else None
    if model.get("class_name") not in ("Sequential", "Functional") or not isinstance(layers, list):
        raise FileRefused("This file holds no Sequential or Functional model of Keras.")
    before: str | None = None
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            raise FileRefused("This file does not hold together: a layer has no settings.")
        name = layer["config"].get("name")
        if not isinstance(name, str):
            raise FileRefused("This file does not hold together: a layer has no name.")
        if model["class_name"] == "Functional" and before is not None:
            _check_follows(layer, before, name)
        before = name
        class_name = str(layer.get("class_name"))
        if class_name in ("Sequential", "Functional"):
            if len(above) > 4:
                raise FileRefused("This model nests models too deeply.")
            yield from _chain(layer, (*above, name))
        else:
            yield (*above, name), class_name, layer["config"]


def _check_follows(layer: Config, before: str, name: str) -> None:
    nodes = layer.get("inbound_nodes")
    sources = list(_sources(nodes))
    if not isinstance(nodes, list) or len(nodes) != 1 or sources != [before]:
        raise FileRefused(
            f"Layer “{name[:40]}” does not simply follow “{before[:40]}”: only networks whose "
            "layers stand one after the other can be shown here, without branches."
        )


def _sources(value: Any) -> Iterator[str]:
    """The names of the layers that a node takes its inputs from."""
    if isinstance(value, list):
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


def _input_shape(settings: Config) -> tuple[int, ...]:
    batch_shape = settings.get("batch_shape") or settings.get("batch_input_shape")
    shape = tuple(batch_shape[1:]) if isinstance(batch_shape, list) else ()
    if shape not in INPUTS:
        received = "×".join("?" if size is None else str(size)[:8] for size in shape[:5]) or "none"
        raise FileRefused(
            f"This model's input is {received}; MNIST Lab's images are 28×28 or 28×28×1."
        )
    return shape


def _take(plan: Plan, name: Name, class_name: str, settings: Config) -> None:
    """Add one layer of the file to the plan."""
    words = f"Layer “{name[-1][:40]}” ({class_name[:40]})"
    if class_name not in _TAKERS:
        raise FileRefused(
            f"{words} is of a kind that MNIST Lab cannot show, so that this model is not taken."
        )
    if _weights_dtype(settings) not in (None, "float32"):
        raise FileRefused(f"{words} does not compute in float32; save the model in float32.")
    if plan.softmax and class_name not in ("Dropout", "InputLayer"):
        raise FileRefused(f"{words} comes after a softmax; nothing can follow that here.")
    try:
        _TAKERS[class_name](plan, name, _Settings(settings, words))
    except (TypeError, ValueError, KeyError, IndexError) as error:
        if isinstance(error, FileRefused):
            raise
        raise FileRefused(f"{words} has settings that cannot be read.") from None


def _weights_dtype(settings: Config) -> Any:
    dtype = settings.get("dtype")
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        return inner.get("name") if isinstance(inner, dict) else "?"
    return dtype


@dataclass(frozen=True)
class _Settings:
    """A layer's settings, and the words that sentences about it open with."""

    values: Config
    words: str

    def need(self, setting: str, *allowed: Any) -> Any:
        """The setting's value, which must be one of `allowed` (or absent)."""
        value = self.values.get(setting, allowed[0])
        if value not in allowed or isinstance(value, bool) != isinstance(allowed[0], bool):
            raise FileRefused(
                f"{self.words} has {setting.replace('_', ' ')} {str(value)[:40]}; here it can "
                f"only be {allowed[0]}."
            )
        return value

    def square(self, setting: str) -> int:
        """A window's size that is the same in both directions."""
        value = self.values[setting]
        sizes = [value, value] if isinstance(value, int) else value
        if len(sizes) != 2 or sizes[0] != sizes[1] or not isinstance(sizes[0], int):
            raise FileRefused(f"{self.words} has a {setting.replace('_', ' ')} that is not square.")
        return sizes[0]

    def activation(self) -> str:
        """The activation's name; "softmax" too."""
        value = self.values.get("activation", "linear")
        name = "linear" if value is None else OTHER_NAMES.get(value, value)
        if name not in (*ACTIVATIONS, "softmax"):
            raise FileRefused(
                f"{self.words} has the activation {str(name)[:40]}, which MNIST Lab cannot show."
            )
        return str(name)

    def initializer(self) -> str:
        """The kernel's initialiser where it is one of ours; it matters for new training only."""
        given = self.values.get("kernel_initializer")
        class_name = given.get("class_name") if isinstance(given, dict) else None
        ours = {each.keras_class: name for name, each in INITIALIZERS.items()}
        return ours.get(str(class_name), "glorot_uniform")


def _dense(plan: Plan, name: Name, settings: _Settings) -> None:
    activation = settings.activation()
    plan.softmax = activation == "softmax"
    plan.layers.append(
        {
            "kind": "dense",
            "units": settings.values["units"],
            "activation": "linear" if plan.softmax else activation,
            "initializer": settings.initializer(),
        }
    )
    plan.weighted.append((name, {"kind": "dense", "bias": bool(settings.values["use_bias"])}))


def _conv(plan: Plan, name: Name, settings: _Settings) -> None:
    settings.need("data_format", "channels_last")
    settings.need("groups", 1)
    if settings.square("dilation_rate") != 1:
        raise FileRefused(f"{settings.words} is dilated, which MNIST Lab cannot show.")
    activation = settings.activation()
    if activation == "softmax":
        raise FileRefused(f"{settings.words} has a softmax; only the output layer can have one.")
    plan.layers.append(
        {
            "kind": "conv",
            "filters": settings.values["filters"],
            "kernel_size": settings.square("kernel_size"),
            "stride": settings.square("strides"),
            "padding": settings.need("padding", "valid", "same"),
            "activation": activation,
            "initializer": settings.initializer(),
        }
    )
    plan.weighted.append((name, {"kind": "conv", "bias": bool(settings.values["use_bias"])}))


def _pool(kind: str) -> Callable[[Plan, Name, _Settings], None]:
    def take(plan: Plan, _name: Name, settings: _Settings) -> None:
        settings.need("data_format", "channels_last")
        stride, size = settings.square("strides"), settings.square("pool_size")
        padding = settings.need("padding", "valid", "same")
        own_stride = None if stride == size else stride
        plan.layers.append(
            {"kind": kind, "pool_size": size, "stride": own_stride, "padding": padding}
        )

    return take


def _global_pool(plan: Plan, _name: Name, settings: _Settings) -> None:
    settings.need("data_format", "channels_last")
    settings.need("keepdims", False)
    plan.layers.append({"kind": "global_average_pool"})


def _batch_norm(plan: Plan, name: Name, settings: _Settings) -> None:
    axis = settings.values.get("axis", -1)
    if axis not in (-1, [-1], 3, [3]):
        raise FileRefused(f"{settings.words} normalises another axis than the channels.")
    plan.layers.append({"kind": "batch_norm"})
    facts = {key: bool(settings.values.get(key, True)) for key in ("center", "scale")}
    epsilon = float(settings.values.get("epsilon", EPSILON))
    plan.weighted.append((name, {"kind": "batch_norm", "epsilon": epsilon, **facts}))


def _activation(plan: Plan, _name: Name, settings: _Settings) -> None:
    activation = settings.activation()
    if activation == "softmax":
        plan.softmax = True
    else:
        plan.layers.append({"kind": "activation", "activation": activation})


def _softmax(plan: Plan, _name: Name, settings: _Settings) -> None:
    settings.need("axis", -1, 1)
    plan.softmax = True


def _fixed(activation: str, **needed: tuple[Any, ...]) -> Callable[[Plan, Name, _Settings], None]:
    """A layer that is an activation when its settings are at these values."""

    def take(plan: Plan, _name: Name, settings: _Settings) -> None:
        for setting, allowed in needed.items():
            settings.need(setting, *allowed)
        plan.layers.append({"kind": "activation", "activation": activation})

    return take


def _dropout(plan: Plan, _name: Name, settings: _Settings) -> None:
    if not plan.softmax:
        plan.layers.append({"kind": "dropout", "rate": settings.values["rate"]})


def _nothing(_plan: Plan, _name: Name, _settings: _Settings) -> None:
    """A layer that does nothing outside of training."""


def _reshape(plan: Plan, _name: Name, settings: _Settings) -> None:
    target = tuple(settings.values["target_shape"])
    if target in ((784,), (-1,)):
        plan.layers.append({"kind": "flatten"})
        return
    as_image = target in (INPUT_SHAPE, (28, 28, -1), (-1, 28, 1), (28, -1, 1))
    if not as_image or any(layer["kind"] not in ("dropout", "flatten") for layer in plan.layers):
        shape = str(list(target))[:40]
        raise FileRefused(f"{settings.words} reshapes to {shape}, which MNIST Lab cannot show.")
    plan.layers = [layer for layer in plan.layers if layer["kind"] != "flatten"]


def _rescaling(plan: Plan, _name: Name, settings: _Settings) -> None:
    _only_in_front(plan, settings)
    scale, offset = (float(settings.values.get(key, 0.0)) for key in ("scale", "offset"))
    plan.front.append(("rescale", scale, offset))


def _normalization(plan: Plan, name: Name, settings: _Settings) -> None:
    _only_in_front(plan, settings)
    settings.need("invert", False)
    plan.front.append(("normalize", name))


def _only_in_front(plan: Plan, settings: _Settings) -> None:
    if any(layer["kind"] not in ("dropout", "flatten") for layer in plan.layers):
        raise FileRefused(f"{settings.words} stands behind other layers; only before the first.")


def _split_off_output(plan: Plan) -> None:
    """The last dense layer, a unit a class, is the output layer, which a network always has."""
    while plan.layers and plan.layers[-1]["kind"] == "dropout":
        plan.layers.pop()
    last = plan.layers.pop() if plan.layers else {}
    units = last.get("units")
    if last.get("kind") != "dense" or last["activation"] != "linear":
        units = None
    if units != plan.classes:
        told = "" if units is None else f" It has {units}; choose a data set with as many classes."
        raise FileRefused(
            f"This model does not end in a dense layer of {plan.classes} units with a softmax, or "
            f"without an activation.{told}"
        )
    plan.output_initializer = last["initializer"]


_TAKERS: dict[str, Callable[[Plan, Name, _Settings], None]] = {
    "Dense": _dense,
    "Conv2D": _conv,
    "MaxPooling2D": _pool("max_pool"),
    "AveragePooling2D": _pool("average_pool"),
    "GlobalAveragePooling2D": _global_pool,
    "BatchNormalization": _batch_norm,
    "Activation": _activation,
    "Softmax": _softmax,
    "ReLU": _fixed("relu", max_value=(None,), negative_slope=(0.0, 0), threshold=(0.0, 0)),
    "LeakyReLU": _fixed("leaky_relu", negative_slope=(LEAK,)),
    "ELU": _fixed("elu", alpha=(1.0, 1)),
    "Dropout": _dropout,
    "Flatten": lambda plan, _name, _settings: plan.layers.append({"kind": "flatten"}),
    "Reshape": _reshape,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "GaussianNoise": _nothing,
    "ActivityRegularization": _nothing,
    "Identity": _nothing,
}
