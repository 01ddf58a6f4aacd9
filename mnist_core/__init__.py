"""MNIST Lab's core: everything the pages show, usable from plain Python and free of Streamlit.

>>> from mnist_core import PRESETS, train
>>> for event in train(PRESETS["two-layer"]):
...     if event.kind == "epoch":
...         print(event.epoch, event.val_accuracy)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_core.drawing.pretrained import load_default_model
    from mnist_core.drawing.reader import Reading, read_drawing
    from mnist_core.experiment.presets import PRESET_NOTES, PRESETS
    from mnist_core.experiment.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec
    from mnist_core.experiment.validation import ExperimentError, Problem
    from mnist_core.training.loop import train

__all__ = [
    "PRESETS",
    "PRESET_NOTES",
    "Augmentation",
    "Experiment",
    "ExperimentError",
    "NetworkSpec",
    "Problem",
    "Reading",
    "TrainingSpec",
    "load_default_model",
    "read_drawing",
    "train",
]

_LATER = {
    "PRESETS": "experiment.presets",
    "PRESET_NOTES": "experiment.presets",
    "Augmentation": "experiment.spec",
    "Experiment": "experiment.spec",
    "ExperimentError": "experiment.validation",
    "NetworkSpec": "experiment.spec",
    "Problem": "experiment.validation",
    "Reading": "drawing.reader",
    "TrainingSpec": "experiment.spec",
    "load_default_model": "drawing.pretrained",
    "read_drawing": "drawing.reader",
    "train": "training.loop",
}


def __getattr__(name: str) -> Any:
    """Import each when it is first asked for.

    What leads to TensorFlow takes seconds, and `mnist_core.cli.doctor` must start without packages.
    """
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f"mnist_core.{_LATER[name]}"), name)
    raise AttributeError(f"module 'mnist_core' has no attribute {name!r}")
