"""Experiments to start from: sound ones, and some that are there to fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mnist_core.experiment.layers import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    InitializerName,
    LayerSpec,
    MaxPool,
)
from mnist_core.experiment.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec


@dataclass(frozen=True)
class PresetNote:
    """What a menu shows of a preset: its title, and one sentence on what to look for."""

    title: str
    look_for: str


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


def _dense_stack(depth: int, activation: str, initializer: InitializerName) -> NetworkSpec:
    layer = {
        "kind": "dense",
        "units": 64,
        "activation": activation,
        "initializer": initializer,
    }
    return NetworkSpec.model_validate({"layers": [{"kind": "flatten"}, *[layer] * depth]})


_TWO_LAYER = NetworkSpec(layers=(Flatten(), Dense(units=128)))
_CNN = NetworkSpec(
    layers=(
        Conv(filters=32),
        MaxPool(),
        Conv(filters=64),
        MaxPool(),
        Flatten(),
        Dropout(rate=0.5),
    )
)
# No padding in the first two layers: a digit's margin is empty. No batch normalisation: it would
# take as long as the convolutions, and one epoch goes as far without it.
_FAST = NetworkSpec(
    layers=(
        Conv(filters=16, kernel_size=5, stride=2, initializer="he_normal"),
        Conv(filters=32, initializer="he_normal"),
        MaxPool(),
        Conv(filters=64, padding="same", initializer="he_normal"),
        Flatten(),
    )
)
# Strided convolutions instead of pooling: as accurate here, and half the arithmetic.
_BEST = NetworkSpec(
    layers=(
        *conv_block(16, padding="valid"),
        *conv_block(32, stride=2),
        *conv_block(64),
        *conv_block(64),
        *conv_block(64, stride=2),
        *conv_block(128),
        *conv_block(128),
        GlobalAveragePool(),
    )
)

PRESETS: dict[str, Experiment] = {
    "two-layer": Experiment(network=_TWO_LAYER),
    "deep": Experiment(network=_dense_stack(6, "relu", "he_normal")),
    "cnn": Experiment(network=_CNN),
    "fast-99": Experiment(
        network=_FAST,
        training=TrainingSpec(
            optimizer="adamw",
            learning_rate=0.01,
            weight_decay=0.01,
            schedule="one_cycle",
            batch_size=64,
            epochs=1,
            label_smoothing=0.1,
            validation_share=0.05,
        ),
    ),
    "best": Experiment(
        network=_BEST,
        training=TrainingSpec(
            optimizer="adamw",
            learning_rate=0.004,
            weight_decay=0.01,
            schedule="one_cycle",
            batch_size=128,
            epochs=36,
            label_smoothing=0.1,
            validation_share=0.05,
            augmentation=Augmentation(shift=1, rotate=7, scale=0.08, shear=6, elastic=0.5),
        ),
    ),
    "zeros": Experiment(
        network=NetworkSpec(
            layers=(Flatten(), Dense(units=128, initializer="zeros")),
            output_initializer="zeros",
        ),
        training=TrainingSpec(epochs=2),
    ),
    "too-fast": Experiment(
        network=_TWO_LAYER, training=TrainingSpec(optimizer="sgd", learning_rate=20.0, epochs=2)
    ),
    "ten-sigmoids": Experiment(
        network=_dense_stack(10, "sigmoid", "glorot_uniform"),
        training=TrainingSpec(optimizer="sgd", learning_rate=0.1, epochs=2),
    ),
    "overfit": Experiment(
        network=NetworkSpec(layers=(Flatten(), Dense(units=512), Dense(units=512))),
        training=TrainingSpec(training_images=1000, batch_size=50, epochs=30),
    ),
}

PRESET_NOTES: dict[str, PresetNote] = {
    "two-layer": PresetNote(
        "Two-layer network",
        "One hidden layer is enough for about 97%: see how fast the first hundred steps go.",
    ),
    "deep": PresetNote(
        "Deep dense network",
        "Six hidden layers with ReLU and He initialisation: compare its curve with the "
        "two-layer network's. Does depth alone help?",
    ),
    "cnn": PresetNote(
        "Convolutional network",
        "A third of the two-layer network's parameters, yet fewer mistakes: "
        "sharing kernels suits images.",
    ),
    "fast-99": PresetNote(
        "99% in one epoch",
        "The learning rate rises, then falls to zero (one-cycle): the last small steps bring the "
        "loss down most.",
    ),
    "best": PresetNote(
        "The most accurate",
        "Each image is shifted, turned and bent a little every time it is met, so the training "
        "curve lies below the validation curve.",
    ),
    "zeros": PresetNote(
        "Made to fail: all weights zero",
        "Every hidden neuron computes the same thing and gets the same gradient: "
        "accuracy stays at chance.",
    ),
    "too-fast": PresetNote(
        "Made to fail: learning rate too high",
        "Steps so large that they jump across every valley: the loss leaps instead of falling.",
    ),
    "ten-sigmoids": PresetNote(
        "Made to fail: ten sigmoid layers",
        "Each sigmoid shrinks the gradient at least fourfold: after ten nothing is left for the "
        "first layers, and the loss lies flat at 2.3.",
    ),
    "overfit": PresetNote(
        "Made to overfit: 1,000 images",
        "Training accuracy reaches 100% while the validation loss turns and climbs: "
        "the network learns its few images by heart.",
    ),
}
