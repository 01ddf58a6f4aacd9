"""Experiments: what is allowed, what is refused and in which words, JSON and URL round trips."""

import math

import pytest
from pydantic import ValidationError

from mnist_core import PRESET_NOTES, PRESETS, Experiment, ExperimentError
from mnist_core.experiment.layers import Conv, Dense, Flatten, MaxPool
from mnist_core.experiment.shapes import layer_shapes
from mnist_core.experiment.spec import NetworkSpec, TrainingSpec

FLATTEN = {"kind": "flatten"}


def problems_of(data: object) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(ExperimentError) as caught:
        Experiment.parse(data)
    return [(p.layer, p.field, p.message) for p in caught.value.problems]


def with_layers(*layers: dict[str, object], **training: object) -> dict[str, object]:
    return {"network": {"layers": list(layers)}, "training": training}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json_and_url_exactly(name: str) -> None:
    experiment = PRESETS[name]
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert Experiment.from_query("?" + experiment.to_query()) == experiment
    assert name in PRESET_NOTES and PRESET_NOTES[name].look_for


def test_awkward_values_survive_json_and_url_exactly() -> None:
    experiment = Experiment(
        name="a & b = c; #1 (50 % off) é “x”",
        network=NetworkSpec(
            layers=(
                Conv(filters=3, l1=1e-7, padding="same", frozen=True),
                MaxPool(stride=1),
                Flatten(),
            )
        ),
        training=TrainingSpec(
            loss="mean_squared_error",
            learning_rate=0.1 + 0.2,
            max_minutes=0.1,
            patience=2,
            training_images=100,
        ),
    )
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert Experiment.from_query(experiment.to_query()) == experiment


def test_experiments_are_values() -> None:
    again = Experiment.from_json(PRESETS["cnn"].to_json())
    assert again == PRESETS["cnn"] and hash(again) == hash(PRESETS["cnn"])
    with pytest.raises(ValidationError):
        again.training.epochs = 3


def test_a_link_may_name_a_preset_and_change_it() -> None:
    experiment = Experiment.from_query("preset=cnn&epochs=3&augment_shift=1.5")
    assert experiment.network == PRESETS["cnn"].network
    assert experiment.training.epochs == 3
    assert experiment.training.augmentation.shift == 1.5


def test_layer_mistakes_name_the_layer_and_the_remedy() -> None:
    ((layer, field, message),) = problems_of(
        with_layers({"kind": "conv", "filters": 8, "kernel_size": 20}, {"kind": "max_pool"},
                    {"kind": "conv", "filters": 8, "kernel_size": 5}, FLATTEN)
    )  # fmt: skip
    assert (layer, field) == (2, "kernel_size")
    assert "Layer 3 (convolution)" in message and "5×5 kernel" in message and "at most 4" in message

    ((layer, _, message),) = problems_of(with_layers(FLATTEN, {"kind": "max_pool"}))
    assert layer == 1 and "needs an image" in message and "Move it" in message

    ((layer, _, message),) = problems_of(with_layers({"kind": "dense", "units": 5}))
    assert layer == 0 and "flatten" in message

    ((layer, _, message),) = problems_of(with_layers({"kind": "conv", "filters": 5}))
    assert layer is None and "at the end" in message


def test_too_large_networks_name_the_layer_with_most() -> None:
    wide = {"kind": "dense", "units": 4096}
    ((layer, _, message),) = problems_of(with_layers(FLATTEN, wide, wide, wide))
    assert layer in (2, 3) and "5,000,000" in message and "fewer units" in message

    deep = {"kind": "conv", "filters": 512, "padding": "same"}
    ((layer, _, message),) = problems_of(with_layers(deep, deep, {"kind": "global_average_pool"}))
    assert layer == 1 and "multiplications" in message


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"learning_rate": math.nan}, "Learning rate is nan; choose a number"),
        ({"learning_rate": math.inf}, "Learning rate is inf"),
        ({"learning_rate": -1}, "Learning rate is -1"),
        ({"epochs": 0}, "Epochs is 0; choose a whole number from 1 to 200."),
        ({"epochs": 1.5}, "Epochs is 1.5"),
        ({"optimizer": "best"}, "choose one of sgd, momentum"),
        ({"batch_size": 10**9}, "from 1 to 4,096"),
        ({"patience": 2, "validation_share": 0}, "needs validation images"),
        ({"weight_decay": 0.1}, "AdamW"),
        ({"momentum": 0.5}, "no setting called “momentum”"),
        ({"augmentation": {"rotate": 400}}, "Rotate is 400; choose a number from 0 to 45."),
    ],
)
def test_training_mistakes_are_sentences(training: dict[str, object], words: str) -> None:
    messages = [message for _, _, message in problems_of(with_layers(FLATTEN, **training))]
    assert len(messages) == 1
    assert words in messages[0] and messages[0].endswith(".")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"network": 3}', '{"network": {"layers": [null]}}', "[" * 100_000,
     '{"network": {"layers": [{"kind": "lambda"}]}}'],
)  # fmt: skip
def test_json_that_is_no_experiment_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        Experiment.from_json(text)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "query",
    ["preset=nothing", "epoch=3", "layers=dense(", "layers=flatten;dense(units:x)",
     "layers=flatten&layers=flatten", "layers=flatten&learning_rate=NaN",
     "layers=" + "flatten;" * 999,
     "layers=flatten;lambda", "x" * 9_000],
)  # fmt: skip
def test_links_that_hold_no_experiment_are_refused_in_a_sentence(query: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        Experiment.from_query(query)
    assert str(caught.value).endswith((".", "?"))


def test_a_batch_that_needs_too_much_memory_names_the_largest() -> None:
    layers = [{"kind": "conv", "filters": 128, "padding": "same"}, {"kind": "global_average_pool"}]
    ((_, field, message),) = problems_of(with_layers(*layers, batch_size=4096))
    assert field == "batch_size" and "at most" in message


def test_shapes_of_the_classic_convnet() -> None:
    rows = layer_shapes(PRESETS["cnn"].network.layers)
    assert [row.output_shape for row in rows] == [
        (28, 28, 1), (26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (1600,), (1600,), (10,),
    ]  # fmt: skip
    assert sum(row.parameters for row in rows) == 34_826
    assert rows[1].multiplications == 26 * 26 * 32 * 9


def test_direct_construction_is_checked_too() -> None:
    with pytest.raises(ValueError, match="needs a row of numbers"):
        NetworkSpec(layers=(Dense(units=3),))
