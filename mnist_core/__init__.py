"""MNIST Lab's core: everything the pages show, usable from plain Python and free of Streamlit.

>>> from mnist_core import PRESETS, train
>>> for event in train(PRESETS["two-layer"]):
...     if event.kind == "epoch":
...         print(event.epoch, event.val_accuracy)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_core.base.untrusted import FileRefused
    from mnist_core.data.mnist import Dataset, load_mnist
    from mnist_core.data.read_files import read_data
    from mnist_core.drawing.drawn_digits import find_drawn, read_digits
    from mnist_core.drawing.photo import find_photo, read_photo
    from mnist_core.drawing.picture_file import PhotoError
    from mnist_core.drawing.pretrained import load_default_model
    from mnist_core.drawing.reader import Reading, read_drawing
    from mnist_core.experiment.presets import PRESET_NOTES, PRESETS
    from mnist_core.experiment.spec import Augmentation, Experiment, NetworkSpec, TrainingSpec
    from mnist_core.experiment.validation import ExperimentError, Problem
    from mnist_core.files.model_import import ImportedModel, import_model
    from mnist_core.model.build import build_model
    from mnist_core.model.keras_script import keras_script
    from mnist_core.training.loop import train

__all__ = [
    "PRESETS",
    "PRESET_NOTES",
    "Augmentation",
    "Dataset",
    "Experiment",
    "ExperimentError",
    "FileRefused",
    "ImportedModel",
    "NetworkSpec",
    "PhotoError",
    "Problem",
    "Reading",
    "TrainingSpec",
    "build_model",
    "find_drawn",
    "find_photo",
    "import_model",
    "keras_script",
    "load_default_model",
    "load_mnist",
    "read_data",
    "read_digits",
    "read_drawing",
    "read_photo",
    "train",
]

_LATER = {
    "PRESETS": "experiment.presets",
    "PRESET_NOTES": "experiment.presets",
    "Augmentation": "experiment.spec",
    "Dataset": "data.mnist",
    "Experiment": "experiment.spec",
    "ExperimentError": "experiment.validation",
    "FileRefused": "base.untrusted",
    "ImportedModel": "files.model_import",
    "NetworkSpec": "experiment.spec",
    "PhotoError": "drawing.picture_file",
    "Problem": "experiment.validation",
    "Reading": "drawing.reader",
    "TrainingSpec": "experiment.spec",
    "build_model": "model.build",
    "find_drawn": "drawing.drawn_digits",
    "find_photo": "drawing.photo",
    "import_model": "files.model_import",
    "keras_script": "model.keras_script",
    "load_default_model": "drawing.pretrained",
    "load_mnist": "data.mnist",
    "read_data": "data.read_files",
    "read_digits": "drawing.drawn_digits",
    "read_drawing": "drawing.reader",
    "read_photo": "drawing.photo",
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
