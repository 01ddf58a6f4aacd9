"""The names of `mnist_core` that scripts and measurements outside this repository rely on."""

from __future__ import annotations

import pytest

import mnist_core


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
