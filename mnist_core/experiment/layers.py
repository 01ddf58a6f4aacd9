"""The layers a learner can stack, as frozen values that say what a layer is, not how it runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mnist_core.experiment.activations import LEAK, ActivationName
from mnist_core.experiment.initializers import InitializerName

PaddingName = Literal["valid", "same"]

Penalty = Annotated[float, Field(ge=0.0, le=1.0)]
Window = Annotated[int, Field(ge=1, le=28)]


class Value(BaseModel):
    """A frozen value: equal and hashable by content, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Dense(Value):
    """Every unit sees every input: activation(weights · inputs + bias).

    The weights of a `frozen` layer stay as they are while the others learn.
    """

    kind: Literal["dense"] = "dense"
    units: Annotated[int, Field(ge=1, le=4096)]
    activation: ActivationName = "relu"
    initializer: InitializerName = "glorot_uniform"
    l1: Penalty = 0.0
    l2: Penalty = 0.0
    frozen: bool = False


class Conv(Value):
    """Each filter slides a small kernel over the image and makes one feature map.

    The weights of a `frozen` layer stay as they are while the others learn.
    """

    kind: Literal["conv"] = "conv"
    filters: Annotated[int, Field(ge=1, le=512)]
    kernel_size: Window = 3
    stride: Window = 1
    padding: PaddingName = "valid"
    activation: ActivationName = "relu"
    initializer: InitializerName = "glorot_uniform"
    l1: Penalty = 0.0
    l2: Penalty = 0.0
    frozen: bool = False


class MaxPool(Value):
    """Keeps the largest value of each window. `stride` None means `pool_size`."""

    kind: Literal["max_pool"] = "max_pool"
    pool_size: Window = 2
    stride: Window | None = None
    padding: PaddingName = "valid"


class AveragePool(Value):
    """Keeps the mean of each window. `stride` None means `pool_size`."""

    kind: Literal["average_pool"] = "average_pool"
    pool_size: Window = 2
    stride: Window | None = None
    padding: PaddingName = "valid"


class BatchNorm(Value):
    """Brings each channel of a batch to mean 0 and variance 1, then learns a scale and shift.

    A `frozen` one keeps its scale, shift, mean and variance, and uses these (Keras's rule).
    """

    kind: Literal["batch_norm"] = "batch_norm"
    frozen: bool = False


class Activation(Value):
    """An activation on its own, as after batch normalisation.

    `negative_slope` is that of "leaky_relu" below zero; the others do not use it.
    """

    kind: Literal["activation"] = "activation"
    activation: ActivationName = "relu"
    negative_slope: Annotated[float, Field(ge=0.0, le=1.0)] = LEAK


class Dropout(Value):
    """Sets a random share `rate` of its inputs to zero, in training only."""

    kind: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0.0, le=0.95)] = 0.5


class Flatten(Value):
    """Lays an image out as one row of numbers."""

    kind: Literal["flatten"] = "flatten"


class GlobalAveragePool(Value):
    """Keeps each channel's mean: one number per feature map."""

    kind: Literal["global_average_pool"] = "global_average_pool"


class Rescale(Value):
    """Multiplies each number by `scale`, then adds `offset`."""

    kind: Literal["rescale"] = "rescale"
    scale: Annotated[float, Field(ge=-10_000, le=10_000)] = 2.0
    offset: Annotated[float, Field(ge=-10_000, le=10_000)] = -1.0


class UnitNorm(Value):
    """Divides each column of the image by its length (L2 norm); the first layer, or none."""

    kind: Literal["unit_norm"] = "unit_norm"


LayerSpec = Annotated[
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
    | UnitNorm,
    Field(discriminator="kind"),
]

LAYER_CLASSES: dict[str, type[Value]] = {
    "dense": Dense,
    "conv": Conv,
    "max_pool": MaxPool,
    "average_pool": AveragePool,
    "batch_norm": BatchNorm,
    "activation": Activation,
    "dropout": Dropout,
    "flatten": Flatten,
    "global_average_pool": GlobalAveragePool,
    "rescale": Rescale,
    "unit_norm": UnitNorm,
}

# How sentences and menus name a layer.
TITLES: dict[str, str] = {
    "dense": "dense",
    "conv": "convolution",
    "max_pool": "max pooling",
    "average_pool": "average pooling",
    "batch_norm": "batch normalisation",
    "activation": "activation",
    "dropout": "dropout",
    "flatten": "flatten",
    "global_average_pool": "global average pooling",
    "rescale": "rescaling",
    "unit_norm": "unit normalisation",
}


def layer_title(index: int, kind: str) -> str:
    """How messages name the layer at `index` (from 0): "Layer 3 (convolution)"."""
    return f"Layer {index + 1} ({TITLES.get(kind, kind)})"
