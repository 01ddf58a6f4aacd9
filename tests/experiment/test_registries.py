"""Records of what a learner can choose: complete, and what Keras has under these names."""

from __future__ import annotations

import re
from typing import Any, get_args

import keras
import numpy as np
import pytest

from mnist_core.base.paths import REPOSITORY
from mnist_core.experiment.activations import ACTIVATIONS, Activation, ActivationName, sigmoid
from mnist_core.experiment.initializers import INITIALIZERS, InitializerName
from mnist_core.experiment.optimizers import OPTIMIZERS, Optimizer, OptimizerName
from mnist_core.experiment.schedules import SCHEDULES, ScheduleName


def test_each_name_has_its_record() -> None:
    assert list(ACTIVATIONS) == list(get_args(ActivationName))
    assert list(INITIALIZERS) == list(get_args(InitializerName))
    assert list(OPTIMIZERS) == list(get_args(OptimizerName))
    assert list(SCHEDULES) == list(get_args(ScheduleName))


def examples() -> dict[str, Any]:
    """The records that the how-to would add."""
    text = (REPOSITORY / "docs/how-to/add-an-optimiser-or-activation.md").read_text("utf-8")
    names = {"Optimizer": Optimizer, "Activation": Activation, "sigmoid": sigmoid, "np": np}
    found: dict[str, Any] = {}
    for code in re.findall(r"```python\n({.*?)```", text, re.DOTALL):
        if "Schedule(" not in code:  # test_how_to.py follows that one
            found |= eval(code, names)
    return found


ADDED = examples()
EVERY_ACTIVATION = ACTIVATIONS | {"softplus": ADDED["softplus"]}
EVERY_OPTIMIZER = OPTIMIZERS | {"lion": ADDED["lion"]}


@pytest.mark.parametrize("name", EVERY_ACTIVATION)
def test_an_activation_is_keras_own(name: str) -> None:
    z, record = np.linspace(-4, 4, 33), EVERY_ACTIVATION[name]
    for known in (name, *record.also):
        expected = np.asarray(keras.activations.get(known)(z.astype(np.float32)))
        assert record.value(z) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", EVERY_ACTIVATION)
def test_a_derivative_is_the_slope(name: str) -> None:
    z, step = np.linspace(-4, 4, 32), 1e-6  # no point lies on a corner
    value = EVERY_ACTIVATION[name].value
    slope = (value(z + step) - value(z - step)) / (2 * step)
    assert EVERY_ACTIVATION[name].derivative(z) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("name", EVERY_OPTIMIZER)
def test_keras_has_the_optimiser(name: str) -> None:
    record = EVERY_OPTIMIZER[name]
    arguments = {**record.arguments, "learning_rate": record.usual_rate}
    if record.weight_decay:
        arguments["weight_decay"] = 0.01
    assert getattr(keras.optimizers, record.keras_class)(**arguments)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_keras_has_the_initialiser(name: str) -> None:
    record = INITIALIZERS[name]
    arguments = {"seed": 1} if record.random else {}
    values = getattr(keras.initializers, record.keras_class)(**arguments)((4, 3))
    assert (np.unique(np.asarray(values)).size > 1) is record.random
