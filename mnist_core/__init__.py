"""MNIST Lab's core: everything the pages show, usable from plain Python and free of Streamlit.

>>> from mnist_core import PRESETS, train
>>> for event in train(PRESETS["two-layer"]):
...     if event.kind == "epoch":
...         print(event.epoch, event.val_accuracy)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_core.default_model import load_default_model
    from mnist_core.drawing import Reading, read_drawing
    from mnist_core.drawn_digits import find_drawn, read_digits
    from mnist_core.photo import find_photo, read_photo
    from mnist_core.picture_file import PhotoError
    from mnist_core.presets import PRESET_NOTES, PRESETS
    from mnist_core.problems import ExperimentError, Problem
    from mnist_core.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec
    from mnist_core.training import train

__all__ = [
    "PRESETS",
    "PRESET_NOTES",
    "Augmentation",
    "Experiment",
    "ExperimentError",
    "NetworkSpec",
    "PhotoError",
    "Problem",
    "Reading",
    "TrainingSpec",
    "find_drawn",
    "find_photo",
    "load_default_model",
    "read_digits",
    "read_drawing",
    "read_photo",
    "train",
]

_LATER = {
    "PRESETS": "presets",
    "PRESET_NOTES": "presets",
    "Augmentation": "spec",
    "Experiment": "spec",
    "ExperimentError": "problems",
    "NetworkSpec": "spec",
    "PhotoError": "picture_file",
    "Problem": "problems",
    "Reading": "drawing",
    "TrainingSpec": "spec",
    "find_drawn": "drawn_digits",
    "find_photo": "photo",
    "load_default_model": "default_model",
    "read_digits": "drawn_digits",
    "read_drawing": "drawing",
    "read_photo": "photo",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import each when it is first asked for.

    What leads to TensorFlow takes seconds, and `mnist_core.doctor` must start without packages.
    """
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f"mnist_core.{_LATER[name]}"), name)
    raise AttributeError(f"module 'mnist_core' has no attribute {name!r}")
