"""Experiments to start from: sound ones, and some that are there to fail."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.experiment.preset_values import PRESET_VALUES
from mnist_core.experiment.spec import Experiment


@dataclass(frozen=True)
class PresetNote:
    """A preset in a menu: its title, and one sentence on what to look for."""

    title: str
    look_for: str


PRESETS: dict[str, Experiment] = {
    name: Experiment.parse(values) for name, values in PRESET_VALUES.items()
}

PRESET_NOTES: dict[str, PresetNote] = {
    "two-layer": PresetNote(
        "Two-layer network",
        "One hidden layer is enough for about 97% after five passes over the images (epochs). How "
        "far do the first hundred steps of the first pass get?",
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
        "Each image is shifted, rotated and distorted a little each time it is used, so training "
        "accuracy stays below validation accuracy.",
    ),
    "zeros": PresetNote(
        "Made to fail: all weights zero",
        "Every hidden neuron computes the same thing and gets the same gradient: "
        "accuracy stays at chance.",
    ),
    "too-fast": PresetNote(
        "Made to fail: learning rate too high",
        "Steps so large that they overshoot every valley: the loss jumps instead of falling.",
    ),
    "ten-sigmoids": PresetNote(
        "Made to fail: ten sigmoid layers",
        "Each sigmoid shrinks the gradient at least fourfold: after ten, nothing is left for the "
        "first layers, and the loss stays flat at 2.3.",
    ),
    "overfit": PresetNote(
        "Made to overfit: 1,000 images",
        "Training accuracy reaches 100% while the validation loss falls, then rises: "
        "the network memorises its few images.",
    ),
}
