"""The names that scripts and measurements outside this repository rely on."""

from __future__ import annotations

import pytest

import mnist_core
from mnist_core.base.paths import REPOSITORY

PAGES = "".join(file.read_text("utf-8") for file in sorted(REPOSITORY.glob("pages/**/*.py")))
# Containers and widgets of the pages: how often each is named as one.
KEYS = {
    "start_training": 1, "pause_training": 1, "stop_training": 1, "training_status": 1,
    "live_network": 1, "preset": 1, "canvas": 1, "prediction": 1, "clear_canvas": 2,
    "run_picker": 2, "moment": 2,
}  # fmt: skip
NAMES = {
    "Experiment", "NetworkSpec", "TrainingSpec", "PRESETS", "load_mnist", "Dataset", "build_model",
    "keras_script", "train", "load_default_model", "read_drawing", "read_photo", "PhotoError",
    "read_data", "import_model", "FileRefused",
}  # fmt: skip
MEMBERS = {
    "Experiment": ("to_json", "from_json", "to_query", "from_query", "parse"),
    "Reading": ("digit", "probabilities", "image28", "looks_like_digit"),
    "ImportedModel": ("test_accuracy", "note"),
}


@pytest.mark.parametrize("key", KEYS)
def test_the_pages_have_the_container_or_widget(key: str) -> None:
    assert PAGES.count(f'key="{key}"') == KEYS[key]


def test_the_charts_have_their_names() -> None:
    assert 'f"{name}_chart"' in PAGES  # of loss and accuracy


def test_the_package_has_the_names() -> None:
    assert set(mnist_core.__all__) >= NAMES
    for name, members in MEMBERS.items():
        found = getattr(mnist_core, name)
        assert set(members) <= {*dir(found), *found.__annotations__}
    assert {"two-layer", "deep", "cnn", "fast-99", "best"} <= mnist_core.PRESETS.keys()


@pytest.mark.parametrize("name", mnist_core.__all__)
def test_each_public_name_is_there_and_says_what_it_is(name):
    found = getattr(mnist_core, name)
    assert not callable(found) or found.__doc__


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'laod_mnist'"):
        mnist_core.laod_mnist  # noqa: B018


def test_the_data_the_model_and_the_script_are_had_by_these_names():
    data = mnist_core.load_mnist()
    assert isinstance(data, mnist_core.Dataset) and data.x_test.shape == (10_000, 28, 28)
    experiment = mnist_core.PRESETS["two-layer"]
    assert mnist_core.build_model(experiment.network).output_shape == (None, 10)
    assert "keras.Sequential" in mnist_core.keras_script(experiment)
