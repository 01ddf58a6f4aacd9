"""Names that measurements from outside this repository rely on; they may not be renamed."""

from __future__ import annotations

import pytest

import mnist_core
from mnist_core.base.paths import REPOSITORY

KEYS = [
    "start_training", "pause_training", "stop_training", "training_status", "live_network",
    "preset", "canvas", "prediction", "clear_canvas", "run_picker", "moment",
    "{name}_chart",  # loss_chart and accuracy_chart
]  # fmt: skip
NAMES = [
    "Experiment", "NetworkSpec", "TrainingSpec", "PRESETS", "load_mnist", "build_model",
    "keras_script", "train", "load_default_model", "read_drawing", "read_photo", "PhotoError",
    "read_data", "import_model", "FileRefused",
]  # fmt: skip
PAGES = "".join(file.read_text("utf-8") for file in REPOSITORY.glob("pages/**/*.py"))


@pytest.mark.parametrize("key", KEYS)
def test_the_pages_have_the_container_or_widget(key: str) -> None:
    assert f'"{key}"' in PAGES


@pytest.mark.parametrize("name", NAMES)
def test_the_package_has_the_name(name: str) -> None:
    assert hasattr(mnist_core, name)


def test_presets_keep_their_names() -> None:
    assert {"two-layer", "deep", "cnn", "fast-99", "best"} <= mnist_core.PRESETS.keys()
