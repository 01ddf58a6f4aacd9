"""What sets experiments apart, in words a learner can read."""

from __future__ import annotations

import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.evaluation.compare_runs import (
    differences,
    layer_words,
    matching,
    settings,
    told_by_preset,
)
from mnist_core.experiment.layers import Conv, Dense, Flatten
from mnist_core.experiment.spec import Augmentation, TrainingSpec
from mnist_core.storage.store import Store


def test_only_what_differs_is_named() -> None:
    base = PRESETS["two-layer"]
    other = Experiment.from_query(base.to_query() + "&learning_rate=0.01&optimizer=adamw")
    assert differences([base, base]) == {}
    assert differences([base, other]) == {
        "Optimiser": ["adam", "adamw"],
        "Learning rate": ["0.001", "0.01"],
    }


def test_layers_are_compared_place_by_place() -> None:
    found = differences([PRESETS["two-layer"], PRESETS["cnn"]])
    assert found["Layer 2"] == ["dense · units 128", "max pooling"]
    assert found["Layer 6"] == ["–", "dropout"]
    assert [name for name in found if name.startswith("Layer")] == [
        f"Layer {n}" for n in range(1, 7)
    ]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("preset=cnn", "cnn"),
        ("preset=two-layer&learning_rate=0.01", "two-layer, learning rate 0.01"),
        ("preset=cnn&optimizer=sgd&augment_shift=2", "cnn, optimiser sgd, shift 2"),
        ("layers=flatten;dense(units:64)&epochs=2", "two-layer, layer 2 units 64, epochs 2"),
        ("preset=two-layer&epochs=2&seed=1&batch_size=8", None),
        ("layers=conv(filters:8);flatten", None),
    ],
)
def test_a_run_is_named_by_its_preset_and_what_is_other(query, told) -> None:
    assert told_by_preset(Experiment.from_query(query)) == told


def changed(preset: str, **layers: dict[str, object]) -> Experiment:
    """The preset with fields of its layers changed: `_2={"units": 64}` is the second's."""
    experiment = PRESETS[preset]
    network = experiment.network
    kept = list(network.layers)
    for place, fields in layers.items():
        at = int(place[1:]) - 1
        kept[at] = kept[at].model_copy(update=fields)
    network = network.model_copy(update={"layers": tuple(kept)})
    return experiment.model_copy(update={"network": network})


def test_a_layer_is_told_by_what_is_other_in_it_and_names_stay_short() -> None:
    # Back at what the class begins with, and of several fields that are not.
    zeros = changed("zeros", _2={"initializer": "glorot_uniform"})
    assert told_by_preset(zeros) == "zeros, layer 2 initializer glorot uniform"
    first = changed("fast-99", _1={"filters": 24})
    assert told_by_preset(first) == "fast-99, layer 1 filters 24"
    both = changed("fast-99", _1={"initializer": "glorot_normal"}, _4={"initializer": "zeros"})
    assert told_by_preset(both) is None
    for name, preset in PRESETS.items():
        assert told_by_preset(preset) == name


def test_every_setting_of_every_preset_has_words() -> None:
    for experiment in PRESETS.values():
        found = settings(experiment)
        others = len(TrainingSpec.model_fields) - 1 + len(Augmentation.model_fields)
        # And how the output layer starts, and the data set.
        assert len(found) == len(experiment.network.layers) + 2 + others
        assert all(value and "_" not in value for value in found.values())
    assert layer_words(Conv(filters=8, stride=2)) == "convolution · filters 8 · stride 2"
    assert layer_words(Flatten()) == "flatten"
    assert layer_words(Dense(units=3, activation="tanh")) == "dense · units 3 · activation tanh"


def test_a_search_finds_names_tags_notes_and_settings(home) -> None:
    store = Store()
    for name, preset in (("Anna", "two-layer"), ("Ben", "cnn")):
        run_id = store.create_run(PRESETS[preset], preset=preset)
        store.rename(run_id, name)
        store.annotate(run_id, ["homework"] if name == "Ben" else [], f"by {name}, ünusual")
    runs = store.runs()

    def found(words: str) -> list[str]:
        return [run.name for run in matching(runs, words)]

    assert found("") == ["Ben", "Anna"]
    assert found("ANNA") == ["Anna"] and found("homework") == ["Ben"]
    assert found("dropout by") == ["Ben"] and found("Ünusual units 128") == ["Anna"]
    assert found("queued adam") == ["Ben", "Anna"] and found("anna homework") == []
    store.close()
