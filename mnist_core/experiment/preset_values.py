"""The presets' settings as plain values, which links name before there is an `Experiment`."""

from __future__ import annotations

from typing import Any, Literal

from mnist_core.experiment.activations import ActivationName
from mnist_core.experiment.initializers import InitializerName
from mnist_core.experiment.layers import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    LayerSpec,
    MaxPool,
)


def conv_block(
    filters: int,
    kernel_size: int = 3,
    stride: int = 1,
    padding: Literal["valid", "same"] = "same",
) -> tuple[LayerSpec, ...]:
    """Convolution, batch normalisation, ReLU."""
    return (
        Conv(
            filters=filters,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            activation="linear",
            initializer="he_normal",
        ),
        BatchNorm(),
        Activation(),
    )


def _dense_stack(
    depth: int, activation: ActivationName, initializer: InitializerName
) -> tuple[LayerSpec, ...]:
    layer = Dense(units=64, activation=activation, initializer=initializer)
    return (Flatten(), *[layer] * depth)


_TWO_LAYER = (Flatten(), Dense(units=128))
_CNN = (
    Conv(filters=32),
    MaxPool(),
    Conv(filters=64),
    MaxPool(),
    Flatten(),
    Dropout(rate=0.5),
)
# No padding in the first two layers: a digit's margin is empty. No batch normalisation: it would
# take as long as the convolutions, and one epoch goes as far without it.
_FAST = (
    Conv(filters=16, kernel_size=5, stride=2, initializer="he_normal"),
    Conv(filters=48, initializer="he_normal"),
    MaxPool(),
    Conv(filters=64, padding="same", initializer="he_normal"),
    Flatten(),
)
# Strided convolutions instead of pooling: as accurate here, and half the arithmetic.
_BEST = (
    *conv_block(16, padding="valid"),
    *conv_block(32, stride=2),
    *conv_block(64),
    *conv_block(64),
    *conv_block(64, stride=2),
    *conv_block(128),
    *conv_block(128),
    GlobalAveragePool(),
)

PRESET_VALUES: dict[str, dict[str, Any]] = {
    "two-layer": {"network": {"layers": _TWO_LAYER}},
    "deep": {"network": {"layers": _dense_stack(6, "relu", "he_normal")}},
    "cnn": {"network": {"layers": _CNN}},
    "fast-99": {
        "network": {"layers": _FAST},
        "training": {
            "optimizer": "adamw",
            "learning_rate": 0.01,
            "weight_decay": 0.01,
            "schedule": "one_cycle",
            "batch_size": 64,
            "epochs": 1,
            "label_smoothing": 0.1,
            "validation_share": 0.05,
        },
    },
    "best": {
        "network": {"layers": _BEST},
        "training": {
            "optimizer": "adamw",
            "learning_rate": 0.004,
            "weight_decay": 0.01,
            "schedule": "one_cycle",
            "batch_size": 128,
            "epochs": 36,
            "label_smoothing": 0.1,
            "validation_share": 0.05,
            "augmentation": {"shift": 1, "rotate": 7, "scale": 0.08, "shear": 6, "elastic": 0.5},
        },
    },
    "zeros": {
        "network": {
            "layers": (Flatten(), Dense(units=128, initializer="zeros")),
            "output_initializer": "zeros",
        },
        "training": {"epochs": 2},
    },
    "too-fast": {
        "network": {"layers": _TWO_LAYER},
        "training": {"optimizer": "sgd", "learning_rate": 20.0, "epochs": 2},
    },
    "ten-sigmoids": {
        "network": {"layers": _dense_stack(10, "sigmoid", "glorot_uniform")},
        "training": {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 2},
    },
    "overfit": {
        "network": {"layers": (Flatten(), Dense(units=512), Dense(units=512))},
        "training": {"training_images": 1000, "batch_size": 50, "epochs": 30},
    },
}
"""For each preset what `Experiment.parse` reads; what is left out has its default."""
