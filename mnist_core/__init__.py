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
    from mnist_core.files.model_import import ImportedModel, import_model
    from mnist_core.presets import PRESET_NOTES, PRESETS
    from mnist_core.problems import ExperimentError, Problem
    from mnist_core.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec
    from mnist_core.training import train
    from mnist_core.untrusted import FileRefused

__all__ = [
    "PRESETS",
    "PRESET_NOTES",
    "Augmentation",
    "Experiment",
    "ExperimentError",
    "FileRefused",
    "ImportedModel",
    "NetworkSpec",
    "Problem",
    "Reading",
    "TrainingSpec",
    "import_model",
    "load_default_model",
    "read_drawing",
    "train",
]

_LATER = {
    "PRESETS": "presets",
    "PRESET_NOTES": "presets",
    "Augmentation": "spec",
    "Experiment": "spec",
    "ExperimentError": "problems",
    "NetworkSpec": "spec",
    "Problem": "problems",
    "Reading": "drawing",
    "TrainingSpec": "spec",
    "load_default_model": "default_model",
    "read_drawing": "drawing",
    "train": "training",
    "FileRefused": "untrusted",
    "ImportedModel": "files.model_import",
    "import_model": "files.model_import",
}


def __getattr__(name: str) -> Any:
    """Import each when it is first asked for.

    What leads to TensorFlow takes seconds, and `mnist_core.doctor` must start without packages.
    """
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f"mnist_core.{_LATER[name]}"), name)
    raise AttributeError(f"module 'mnist_core' has no attribute {name!r}")
