"""The layer types a learner can stack: a class each. To add one, add its class to `LayerSpec`.

Links, shapes, sentences about mistakes, the Keras model and script, editors, studies, drawings and
views of a network read these classes. What a value is computed from, by hand, stands in
`inspection/arithmetic.py`, what a Keras file's layer becomes in
`files/model_import/keras_layers.py`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from mnist_core.experiment.activations import LEAK, ActivationName
from mnist_core.experiment.fields import Editing
from mnist_core.experiment.initializers import INITIALIZERS, InitializerName
from mnist_core.experiment.layer import KerasLayer, Layer, Shape, need_image, need_row, slide

PaddingName = Literal["valid", "same"]

_Window = Annotated[int, Field(ge=1, le=28)]
_Stride = Annotated[_Window, Editing("Stride", study=(1, 2))]
_Padding = Annotated[PaddingName, Editing("Padding", varied=False)]
_Activation = Annotated[ActivationName, Editing("Activation")]
_Initializer = Annotated[InitializerName, Editing("Weight initialiser")]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Frozen = Annotated[bool, Editing("Freeze its weights", varied=False)]
_L1 = Annotated[_Share, Editing("L1 penalty", step=0.0001, study=(1e-6, 1e-2), log=True)]
_L2 = Annotated[_Share, Editing("L2 penalty", step=0.0001, study=(1e-6, 1e-2), log=True)]


class Dense(Layer):
    """Every unit sees every input: activation(weights · inputs + bias).

    The weights of a `frozen` layer stay as they are while the others learn.
    """

    title, short_title, keras_class = "dense", "dense", "Dense"
    icon, colour, derivative = "hub", "orange", "w"
    own_units = has_kernel = True

    kind: Literal["dense"] = "dense"
    units: Annotated[
        int, Field(ge=1, le=4096), Editing("Units", first=64, study=(8, 256), log=True)
    ]
    activation: _Activation = "relu"
    initializer: _Initializer = "glorot_uniform"
    l1: _L1 = 0.0
    l2: _L2 = 0.0
    frozen: _Frozen = False

    def output_shape(self, before: Shape) -> Shape:
        need_row(before)
        return (self.units,)

    def weight_shapes(self, before: Shape) -> dict[str, Shape]:
        return {"weight": (before[0], self.units), "bias": (self.units,)}

    def multiplications(self, before: Shape) -> int:
        return before[0] * self.units

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        return {"units": self.units} | _kernel_arguments(self, seed)

    def short(self) -> str:
        return f"dense {self.units}"

    def details(self) -> list[str]:
        return [f"{self.units} units", _words(self.activation)]


class Conv(Layer):
    """Each filter slides a small kernel over the image and makes one feature map.

    The weights of a `frozen` layer stay as they are while the others learn.
    """

    title, short_title, keras_class = "convolution", "convolution", "Conv2D"
    icon, colour, derivative = "blur_on", "blue", "w"
    own_units = has_kernel = True

    kind: Literal["conv"] = "conv"
    filters: Annotated[
        int, Field(ge=1, le=512), Editing("Filters", first=16, study=(4, 64), log=True)
    ]
    kernel_size: Annotated[_Window, Editing("Kernel size", study=(2, 7))] = 3
    stride: _Stride = 1
    padding: _Padding = "valid"
    activation: _Activation = "relu"
    initializer: _Initializer = "glorot_uniform"
    l1: _L1 = 0.0
    l2: _L2 = 0.0
    frozen: _Frozen = False

    def output_shape(self, before: Shape) -> Shape:
        window = (self.kernel_size, self.stride, self.padding)
        return (*slide(before, *window, "kernel", "kernel_size"), self.filters)

    def weight_shapes(self, before: Shape) -> dict[str, Shape]:
        size = self.kernel_size
        return {"weight": (size, size, before[2], self.filters), "bias": (self.filters,)}

    def multiplications(self, before: Shape) -> int:
        positions = math.prod(self.output_shape(before)[:2])
        return positions * math.prod(self.weight_shapes(before)["weight"])

    def keras_layers(self, seed: int) -> list[KerasLayer]:
        """The convolution; with kernel 1 and a stride, the pixels that the stride meets first.

        A convolution of kernel 1 looks at every stride-th pixel only. Its gradient writes beyond
        its memory in TensorFlow 2.21's oneDNN kernels, which ends the process. So these pixels are
        taken first, by pooling with a window of one pixel, which any reader of a Keras file
        knows; then kernel 1 with stride 1 computes the same numbers.
        """
        arguments = self.keras_arguments(seed)
        if self.kernel_size > 1 or self.stride == 1:
            return [(self.keras_class, arguments)]
        every = {"pool_size": 1, "strides": arguments.pop("strides")}
        return [("AveragePooling2D", every), (self.keras_class, arguments)]

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = {"filters": self.filters, "kernel_size": self.kernel_size}
        if self.stride != 1:
            found["strides"] = self.stride
        if self.padding != "valid":
            found["padding"] = self.padding
        return found | _kernel_arguments(self, seed)

    def short(self) -> str:
        return f"conv {self.filters}"

    def details(self) -> list[str]:
        found = [f"{self.filters} filters {self.kernel_size}×{self.kernel_size}"]
        return [*found, *_stride_words(self.stride), _words(self.activation)]


class _Pool(Layer):
    """The common part of pooling layers. `stride` None means `pool_size`."""

    icon, colour = "compress", "green"
    own_units = True

    pool_size: Annotated[_Window, Editing("Pool size", study=(2, 3))] = 2
    stride: Annotated[_Window | None, Editing("Stride (empty: the pool size)", study=(1, 2))] = None
    padding: _Padding = "valid"

    def output_shape(self, before: Shape) -> Shape:
        window = (self.pool_size, self.stride or self.pool_size, self.padding)
        return (*slide(before, *window, "window", "pool_size"), before[2])

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = {"pool_size": self.pool_size}
        if self.stride is not None:
            found["strides"] = self.stride
        if self.padding != "valid":
            found["padding"] = self.padding
        return found

    def short(self) -> str:
        return f"pool {self.pool_size}×{self.pool_size}"

    def details(self) -> list[str]:
        return [f"{self.pool_size}×{self.pool_size}", *_stride_words(self.stride)]


class MaxPool(_Pool):
    """Keeps the largest value of each window. `stride` None means `pool_size`."""

    title, short_title, keras_class = "max pooling", "max pooling", "MaxPooling2D"

    kind: Literal["max_pool"] = "max_pool"


class AveragePool(_Pool):
    """Keeps the mean of each window. `stride` None means `pool_size`."""

    title, short_title, keras_class = "average pooling", "average pooling", "AveragePooling2D"
    derivative = r"\frac{1}{n}"

    kind: Literal["average_pool"] = "average_pool"


class BatchNorm(Layer):
    """Brings each channel of a batch to mean 0 and variance 1, then learns a scale and shift.

    A `frozen` one keeps its scale, shift, mean and variance, and uses these (Keras's rule).
    """

    title, short_title, keras_class = "batch normalisation", "batch norm", "BatchNormalization"
    icon, colour = "equalizer", "olive"
    derivative = r"\frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}"

    statistics = ("moving mean", "moving variance")

    kind: Literal["batch_norm"] = "batch_norm"
    frozen: _Frozen = False

    def weight_shapes(self, before: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta", *self.statistics), before[-1:])

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        return {"trainable": False} if self.frozen else {}

    def short(self) -> str:
        return "norm"


class Activation(Layer):
    """An activation on its own, as after batch normalisation.

    `negative_slope` is that of "leaky_relu" below zero; the others do not use it.
    """

    title, short_title, keras_class = "activation", "activation", "Activation"
    icon, colour, derivative = "show_chart", "orchid", r"\varphi'(z)"

    kind: Literal["activation"] = "activation"
    activation: _Activation = "relu"
    negative_slope: Annotated[
        _Share,
        Editing(
            "Slope below zero", step=0.01, slider=True, varied=False,
            only_with=("activation", "leaky_relu"),
        ),
    ] = LEAK  # fmt: skip

    def keras_layers(self, seed: int) -> list[KerasLayer]:
        """An activation by name; the leaky ReLU has one for Keras's own slope only."""
        if self._leaks_otherwise():
            return [("LeakyReLU", {"negative_slope": self.negative_slope})]
        return [(self.keras_class, {"activation": self.activation})]

    def short(self) -> str:
        return _words(self.activation)

    def details(self) -> list[str]:
        own = f" {self.negative_slope:g}" if self._leaks_otherwise() else ""
        return [_words(self.activation) + own]

    def _leaks_otherwise(self) -> bool:
        return self.activation == "leaky_relu" and self.negative_slope != LEAK


class Dropout(Layer):
    """Sets a random share `rate` of its inputs to zero, in training only."""

    title, short_title, keras_class = "dropout", "dropout", "Dropout"
    icon, colour = "grain", "berry"
    passes_through = True

    kind: Literal["dropout"] = "dropout"
    rate: Annotated[
        float,
        Field(ge=0.0, le=0.95),
        Editing("Share of values set to zero", step=0.05, slider=True, study=(0.0, 0.6)),
    ] = 0.5

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        return {"rate": self.rate, "seed": seed}

    def short(self) -> str:
        return f"dropout {self.rate:.0%}"

    def details(self) -> list[str]:
        return [f"{self.rate:.0%}"]


class Flatten(Layer):
    """Lays an image out as one row of numbers."""

    title, short_title, keras_class = "flatten", "flatten", "Flatten"
    icon, passes_through, repeatable = "view_week", True, False

    kind: Literal["flatten"] = "flatten"

    def output_shape(self, before: Shape) -> Shape:
        return (math.prod(before),)


class GlobalAveragePool(Layer):
    """Keeps each channel's mean: one number per feature map."""

    title, short_title = "global average pooling", "global average"
    keras_class = "GlobalAveragePooling2D"
    icon, colour, derivative = "filter_center_focus", "green", r"\frac{1}{n}"
    own_units, repeatable = True, False

    kind: Literal["global_average_pool"] = "global_average_pool"

    def output_shape(self, before: Shape) -> Shape:
        need_image(before)
        return before[2:]

    def short(self) -> str:
        return "average"


class Rescale(Layer):
    """Multiplies each number by `scale`, then adds `offset`."""

    title, short_title, keras_class = "rescaling", "rescaling", "Rescaling"
    icon, colour, derivative = "tune", "olive", "s"

    kind: Literal["rescale"] = "rescale"
    scale: Annotated[float, Field(ge=-10_000, le=10_000), Editing("Factor", varied=False)] = 2.0
    offset: Annotated[
        float, Field(ge=-10_000, le=10_000), Editing("Added afterwards", varied=False)
    ] = -1.0

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        return {"scale": self.scale, "offset": self.offset}

    def details(self) -> list[str]:
        return [f"×{self.scale:.4g} {self.offset:+.4g}".replace("-", "−")]


class UnitNorm(Layer):
    """Divides each column of the image by its length (L2 norm); the first layer, or none."""

    title, short_title, keras_class = "unit normalisation", "unit norm", "UnitNormalization"
    icon, colour = "straighten", "olive"
    derivative = r"\frac{\partial}{\partial x}\,\frac{x}{\lVert x \rVert}"
    first_only, repeatable = True, False

    kind: Literal["unit_norm"] = "unit_norm"

    def keras_arguments(self, seed: int) -> dict[str, Any]:
        return {"axis": 1}


_Type = (
    Dense
    | Conv
    | MaxPool
    | AveragePool
    | BatchNorm
    | Activation
    | Dropout
    | Flatten
    | GlobalAveragePool
    | Rescale
    | UnitNorm
)
LayerSpec = Annotated[_Type, Field(discriminator="kind")]
LAYERS: dict[str, type[Layer]] = {
    layer_type.model_fields["kind"].default: layer_type for layer_type in get_args(_Type)
}
"""Each layer type by its kind, in the order of menus."""


def new_layer(kind: str) -> Layer:
    """A layer of `kind` with its first values."""
    fields = LAYERS[kind].model_fields.items()
    firsts = {name: note.first for name, info in fields for note in info.metadata
              if isinstance(note, Editing) and note.first is not None}  # fmt: skip
    return LAYERS[kind].model_validate(firsts)


def layer_title(index: int, kind: str) -> str:
    """The name of the layer at `index` (from 0) in messages.

    >>> layer_title(2, "conv")
    'Layer 3 (convolution)'
    """
    title = LAYERS[kind].title if kind in LAYERS else kind
    return f"Layer {index + 1} ({title})"


def _kernel_arguments(layer: Dense | Conv, seed: int) -> dict[str, Any]:
    """Keras's arguments for the activation and the weights."""
    initializer = INITIALIZERS[layer.initializer]
    found: dict[str, Any] = {}
    if layer.activation != "linear":
        found["activation"] = layer.activation
    found["kernel_initializer"] = (
        initializer.keras_class,
        {"seed": seed} if initializer.random else {},
    )
    if layer.l1 or layer.l2:
        found["kernel_regularizer"] = ("L1L2", {"l1": layer.l1, "l2": layer.l2})
    if layer.frozen:
        found["trainable"] = False
    return found


def _words(name: str) -> str:
    return name.replace("_", " ")


def _stride_words(stride: int | None) -> list[str]:
    return [f"stride {stride}"] if stride and stride != 1 else []
