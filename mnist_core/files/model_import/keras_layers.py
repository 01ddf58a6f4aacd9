"""Each of Keras's layers, with its settings and weights, in this app's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_core.base.untrusted import FileRefused
from mnist_core.experiment.activations import ACTIVATIONS
from mnist_core.experiment.initializers import INITIALIZERS
from mnist_core.files.model_import.keras_config import KerasLayer, KerasModel
from mnist_core.files.model_import.stack import (
    EPSILON,
    PIXELS,
    SIDE,
    Array,
    Stack,
    Taken,
    depthwise,
    separable,
)

# A layer's weights by what they are: {"kernel": …, "bias": …}.
Weights = Mapping[str, Array]
WeightsOf = Callable[[KerasLayer], Weights]

FLOATS = ("float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
# What the weights of a layer are called, in the order in which Keras saves them.
PARTS: dict[str, tuple[str, ...]] = {
    "Dense": ("kernel", "bias"),
    "Conv2D": ("kernel", "bias"),
    "DepthwiseConv2D": ("depthwise_kernel", "bias"),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "Normalization": ("mean", "variance", "count"),
}
_ACTIVATIONS: dict[str | None, str] = {
    **{other: name for name, record in ACTIVATIONS.items() for other in record.also},
    None: "linear",
    "leakyrelu": "leaky_relu",
}
_ALIASES = {
    "Convolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
}
# Settings of Keras 1 by their names of today.
_OLD_SETTINGS = {
    "output_dim": "units",
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "bias": "use_bias",
    "p": "rate",
    "init": "kernel_initializer",
}


def take_keras(model: KerasModel, weights_of: WeightsOf, classes: int) -> Taken:
    """The network of a Keras model, which tells `classes` classes apart. Raises FileRefused."""
    shape = model.input_shape
    if shape is None:
        shape = _likely_shape(model, weights_of)
    stack = Stack.begin(_channels_last(shape, model))
    for layer in model.layers:
        take_layer(stack, layer, weights_of)
    return stack.finish(classes)


def take_layer(stack: Stack, layer: KerasLayer, weights_of: WeightsOf) -> None:
    """Add one layer. Raises FileRefused."""
    class_name = _ALIASES.get(layer.class_name, layer.class_name)
    if class_name not in _TAKERS:
        raise FileRefused(
            f"{layer.words} is of a type that MNIST Lab cannot show, so this model cannot be "
            "opened."
        )
    settings = Settings(_modern(layer.settings), layer.words)
    settings.check_floats()
    weights = weights_of(layer) if class_name in PARTS else {}
    try:
        _TAKERS[class_name](stack, settings, weights)
    except FileRefused:
        raise
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, AttributeError):
        raise FileRefused(f"{layer.words} has settings or weights that cannot be read.") from None


@dataclass(frozen=True)
class Settings:
    """A layer's settings, and the words that sentences about it open with."""

    values: Mapping[str, Any]
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

    def pair(self, setting: str, default: Any = None) -> tuple[int, int]:
        """A size in both directions."""
        value = self.values.get(setting, default)
        sizes = [value, value] if isinstance(value, int) else list(value)
        if len(sizes) != 2 or not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise FileRefused(
                f"{self.words} has a {setting.replace('_', ' ')} that cannot be read."
            )
        return sizes[0], sizes[1]

    def number(self, setting: str, default: float) -> float:
        """A number, or a list of one."""
        value = self.values.get(setting, default)
        if isinstance(value, dict):  # a list of numbers in Keras 3
            value = value.get("config", {}).get("value", default)
        return float(np.ravel(value)[0])

    def check_floats(self) -> None:
        """Weights are numbers; whole numbers and quantised ones are refused."""
        dtype = self.values.get("dtype")
        if isinstance(dtype, dict):
            inner = dtype.get("config")
            dtype = inner.get("name") if isinstance(inner, dict) else "?"
        if dtype not in (None, *FLOATS):
            raise FileRefused(
                f"{self.words} computes in {str(dtype)[:40]}; save the model in float32."
            )

    def check_layout(self, stack: Stack) -> None:
        """Channels stand where the file's axes have them."""
        layout = self.values.get("data_format") or "channels_last"
        order = self.values.get("dim_ordering")
        if order in ("th", "tf"):
            layout = "channels_first" if order == "th" else "channels_last"
        if len(stack.shape) == 3 and (layout == "channels_first") != stack.channels_first:
            raise FileRefused(
                f"{self.words} has data format {str(layout)[:20]}, which does not fit its image."
            )

    def initializer(self) -> str:
        """The kernel's initialiser where it is one of ours; it matters for new training only."""
        given = self.values.get("kernel_initializer")
        name = given.get("class_name") if isinstance(given, dict) else given
        ours = {each.keras_class.lower(): name for name, each in INITIALIZERS.items()}
        return ours.get(str(name).replace("_", "").lower(), "glorot_uniform")


def _modern(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their names of today."""
    found = {_OLD_SETTINGS.get(name, name): value for name, value in settings.items()}
    if "nb_row" in found:
        found["kernel_size"] = [found["nb_row"], found.get("nb_col")]
    return found


def _likely_shape(model: KerasModel, weights_of: WeightsOf) -> tuple[int, ...]:
    """The images that a Sequential expects whose file does not say it: by its first weights."""
    for layer in model.layers:
        class_name = _ALIASES.get(layer.class_name, layer.class_name)
        if class_name in ("Dense", "Conv2D", "SeparableConv2D", "DepthwiseConv2D"):
            kernel = weights_of(layer)[PARTS[class_name][0]]
            if class_name != "Dense":
                return (SIDE, SIDE, kernel.shape[2])
            flattened = any(before.class_name == "Flatten" for before in model.layers)
            return (SIDE, SIDE) if flattened else (kernel.shape[0],)
    raise FileRefused("This model has no layers with weights.")


def _channels_last(shape: tuple[Any, ...], model: KerasModel) -> tuple[Any, ...]:
    """The shape as `Stack.begin` takes it: sizes that were left open are those of MNIST."""
    sizes = [SIDE if size is None else size for size in shape]
    if len(sizes) == 3 and sizes[0] == SIDE and shape[2] is None:
        sizes[2] = 1
    if len(sizes) == 1 and shape[0] is None:
        sizes = [PIXELS]
    return tuple(sizes)


# --- a function a layer --------------------------------------------------------------------------

_Taker = Callable[[Stack, Settings, Weights], None]


def _dense(stack: Stack, settings: Settings, weights: Weights) -> None:
    stack.dense(weights["kernel"], weights.get("bias"), settings.words, name=settings.initializer())
    _own_activation(stack, settings)


def _conv(stack: Stack, settings: Settings, weights: Weights) -> None:
    settings.check_layout(stack)
    stack.conv(
        weights["kernel"],
        weights.get("bias"),
        settings.words,
        strides=settings.pair("strides", 1),
        padding=settings.need("padding", "valid", "same"),
        dilation=settings.pair("dilation_rate", 1),
        groups=int(settings.values.get("groups") or 1),
        name=settings.initializer(),
    )
    _own_activation(stack, settings)


def _spread(kernel_of: Callable[[Weights], Array]) -> _Taker:
    """Depthwise and separable convolutions."""

    def take(stack: Stack, settings: Settings, weights: Weights) -> None:
        settings.check_layout(stack)
        stack.conv(
            kernel_of(weights),
            weights.get("bias"),
            settings.words,
            strides=settings.pair("strides", 1),
            padding=settings.need("padding", "valid", "same"),
            dilation=settings.pair("dilation_rate", 1),
        )
        _own_activation(stack, settings)

    return take


def _pool(kind: str) -> _Taker:
    def take(stack: Stack, settings: Settings, _weights: Weights) -> None:
        settings.check_layout(stack)
        sizes = settings.pair("pool_size", 2)
        strides = sizes if settings.values.get("strides") is None else settings.pair("strides")
        padding = settings.need("padding", "valid", "same")
        stack.pool(kind, sizes, strides, padding, settings.words)

    return take


def _global_pool(kind: str) -> _Taker:
    def take(stack: Stack, settings: Settings, _weights: Weights) -> None:
        settings.check_layout(stack)
        stack.global_pool(kind, settings.words)

    return take


def _batch_norm(stack: Stack, settings: Settings, weights: Weights) -> None:
    axis = settings.values.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    channels = 1 if stack.channels_first and len(stack.shape) == 3 else len(stack.file_shape)
    if axis not in (-1, channels) or (axis == -1 and channels == 1 and len(stack.shape) == 3):
        raise FileRefused(f"{settings.words} normalises an axis other than the channels.")
    stack.batch_norm(
        weights.get("gamma"),
        weights.get("beta"),
        weights["moving_mean"],
        weights["moving_variance"],
        settings.number("epsilon", EPSILON),
        settings.words,
    )


def _own_activation(stack: Stack, settings: Settings) -> None:
    """The activation that is part of a layer."""
    before = len(stack.layers)
    _named_activation(stack, settings)
    if len(stack.layers) > before:
        stack.merge_activation()


def _named_activation(stack: Stack, settings: Settings, *_: Any) -> None:
    """An activation given by name, or in Keras 3 as the description of a function or a layer."""
    value = settings.values.get("activation", "linear")
    if isinstance(value, dict):
        class_name, inner = value.get("class_name"), value.get("config")
        if class_name == "function":
            value = inner
        elif class_name in _SHAPES and isinstance(inner, dict):
            _SHAPES[class_name](stack, Settings(inner, settings.words), {})
            return
        else:
            value = str(class_name)
    name = str(_ACTIVATIONS.get(value, value) if value is None or isinstance(value, str) else "?")
    name = name.removeprefix("keras.activations.")
    if name not in KNOWN_ACTIVATIONS:
        raise FileRefused(
            f"{settings.words} has the activation {name[:40]}, which MNIST Lab cannot show."
        )
    stack.activation(name, settings.words)


def _relu(stack: Stack, settings: Settings, _weights: Weights) -> None:
    settings.need("max_value", None)
    settings.need("threshold", 0.0, 0)
    slope = settings.number("negative_slope", 0.0)
    if slope:
        stack.activation("leaky_relu", settings.words, slope)
    else:
        stack.activation("relu", settings.words)


def _leaky_relu(stack: Stack, settings: Settings, _weights: Weights) -> None:
    name = "alpha" if "alpha" in settings.values else "negative_slope"
    stack.activation("leaky_relu", settings.words, settings.number(name, 0.3))


def _elu(stack: Stack, settings: Settings, _weights: Weights) -> None:
    if settings.number("alpha", 1.0) != 1:
        raise FileRefused(f"{settings.words} has an alpha other than 1.")
    stack.activation("elu", settings.words)


def _softmax(stack: Stack, settings: Settings, _weights: Weights) -> None:
    settings.need("axis", -1, 1, [-1])
    stack.activation("softmax", settings.words)


def _dropout(stack: Stack, settings: Settings, _weights: Weights) -> None:
    stack.dropout(settings.number("rate", 0.5))


def _nothing(_stack: Stack, _settings: Settings, _weights: Weights) -> None:
    """A layer that does nothing outside of training."""


def _flatten(stack: Stack, settings: Settings, _weights: Weights) -> None:
    # With its own "channels_first" Keras puts the channels last before it flattens.
    stack.flatten(stack.channels_first and settings.values.get("data_format") != "channels_first")


def _reshape(stack: Stack, settings: Settings, _weights: Weights) -> None:
    stack.reshape(settings.values["target_shape"], settings.words)


def _permute(stack: Stack, settings: Settings, _weights: Weights) -> None:
    stack.transpose([int(axis) - 1 for axis in settings.values["dims"]], settings.words)


def _zero_padding(stack: Stack, settings: Settings, _weights: Weights) -> None:
    settings.check_layout(stack)
    value = settings.values.get("padding", 1)
    rows, columns = (value, value) if isinstance(value, int) else value
    (top, bottom), (left, right) = (
        (size, size) if isinstance(size, int) else size for size in (rows, columns)
    )
    pads = (int(top), int(bottom), int(left), int(right))
    if min(pads) < 0 or max(pads) > SIDE:
        raise FileRefused(f"{settings.words} pads by {value}.")
    stack.pad(pads, settings.words)


def _rescaling(stack: Stack, settings: Settings, _weights: Weights) -> None:
    scale, offset = settings.number("scale", 1.0), settings.number("offset", 0.0)
    stack.rescale(scale, offset, settings.words)


def _normalization(stack: Stack, settings: Settings, weights: Weights) -> None:
    settings.need("invert", False)
    mean, variance = weights.get("mean"), weights.get("variance")
    if mean is None or variance is None:
        mean, variance = (_numbers(settings.values.get(name)) for name in ("mean", "variance"))
    factor = 1 / np.maximum(np.sqrt(variance), 1e-7)
    stack.scale_pixels(factor, -mean * factor, settings.words)


def _numbers(value: Any) -> Array:
    """Numbers in a description: plain, nested in lists, or as Keras 3 writes an array."""
    if isinstance(value, dict):
        value = value["config"]["value"]
    return np.asarray(value, np.float64)


_SHAPES: dict[str, _Taker] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
}
KNOWN_ACTIVATIONS = (
    *ACTIVATIONS,
    *("softmax", "log_softmax", "softplus", "softsign", "hard_sigmoid", "exponential"),
)
_TAKERS: dict[str, _Taker] = _SHAPES | {
    "Dense": _dense,
    "Conv2D": _conv,
    "DepthwiseConv2D": _spread(lambda weights: depthwise(weights["depthwise_kernel"])),
    "SeparableConv2D": _spread(
        lambda weights: separable(weights["depthwise_kernel"], weights["pointwise_kernel"])
    ),
    "MaxPooling2D": _pool("max_pool"),
    "AveragePooling2D": _pool("average_pool"),
    "GlobalAveragePooling2D": _global_pool("average_pool"),
    "GlobalMaxPooling2D": _global_pool("max_pool"),
    "BatchNormalization": _batch_norm,
    "Activation": _named_activation,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "ZeroPadding2D": _zero_padding,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "Dropout": _dropout,
    "SpatialDropout2D": _dropout,
    "AlphaDropout": _dropout,
} | dict.fromkeys(
    (
        "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
        "Identity", "InputLayer", "Masking", "RandomBrightness", "RandomContrast", "RandomCrop",
        "RandomErasing", "RandomFlip", "RandomHeight", "RandomRotation", "RandomShear",
        "RandomTranslation", "RandomWidth", "RandomZoom",
    ),
    _nothing,
)  # fmt: skip
