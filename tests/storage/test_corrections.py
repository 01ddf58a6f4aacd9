"""Corrections are kept, and teach a network, which forgets unless it is reminded."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mnist_core.data import mnist
from mnist_core.drawing.finetune import fine_tune, keep_as_run
from mnist_core.experiment.spec import Experiment
from mnist_core.storage import corrections
from mnist_core.storage.store import Store
from mnist_core.training.events import Finished, Snapshot
from mnist_core.training.loop import train


def image(seed=0):
    return np.random.default_rng(seed).random((28, 28)).astype(np.float32)


@pytest.fixture
def store(home) -> Store:
    return Store()


def labels(store: Store, owner: str = "local") -> list[int]:
    return corrections.load(store, owner).labels.tolist()


def test_corrections_are_kept_in_order_and_for_each_owner(store):
    assert labels(store) == []
    for seed, label in enumerate((7, 0, 9)):
        corrections.add(store, "local", image(seed), label)
    corrections.add(store, "../some one else", image(5), 3)
    assert labels(store) == [7, 0, 9]
    assert np.abs(corrections.load(store, "local").ink[1] - image(1)).max() < 1 / 255
    assert labels(store, "../some one else") == [3] and labels(store, "nobody") == []


def test_the_last_word_on_a_drawing_counts_and_one_can_be_removed(store):
    for seed, label in ((0, 4), (1, 5), (0, 9)):
        kept = corrections.add(store, "local", image(seed), label)
    assert kept.labels.tolist() == labels(store) == [5, 9]
    with pytest.raises(IndexError):
        corrections.remove(store, "nobody", 0)
    corrections.remove(store, "local", 0)
    assert labels(store) == [9]
    for index in (1, -1):
        with pytest.raises(IndexError):
            corrections.remove(store, "local", index)


def test_the_export_is_a_plain_npz_file(store):
    kept = corrections.add(store, "local", image(), 8)
    with np.load(io.BytesIO(kept.as_npz()), allow_pickle=False) as archive:
        assert archive["images"].shape == (1, 28, 28) and archive["images"].dtype == np.uint8
        assert archive["labels"].tolist() == [8]


def test_what_is_no_digit_is_refused(store):
    for label in (-1, 10):
        with pytest.raises(ValueError, match="Expected an image"):
            corrections.add(store, "local", image(), label)


def test_there_is_a_most(store, monkeypatch):
    monkeypatch.setattr(corrections, "MOST", 3)
    for seed in range(5):
        corrections.add(store, "local", image(seed), seed)
    assert labels(store) == [2, 3, 4]


@pytest.fixture(scope="module")
def trained():
    """A small network that has learned a little, and its weights."""
    experiment = Experiment.model_validate(
        {
            "network": {"layers": [{"kind": "flatten"}, {"kind": "dense", "units": 32}]},
            "training": {"epochs": 2, "training_images": 5000, "batch_size": 64},
        }
    )
    snapshots = [event for event in train(experiment) if isinstance(event, Snapshot | Finished)]
    return experiment, [event for event in snapshots if isinstance(event, Snapshot)][-1].weights


def mislabelled(count=6):
    """Ones that are said to be sevens: to learn them is to forget the ones."""
    data = mnist.load()
    ones = data.x_test[data.y_test == 1][:count]
    return corrections.Corrections(ones, np.full(count, 7, np.uint8))


def test_corrections_are_learned_and_reminders_keep_the_rest(trained):
    experiment, weights = trained
    before = [weight.copy() for weight in weights]
    alone, reminded = (
        fine_tune(experiment.network, weights, mislabelled(), steps=60, remind=remind)
        for remind in (False, True)
    )
    for result in (alone, reminded):
        assert result.snapshots[0].corrections_share < 0.5
        assert result.test_before == pytest.approx(result.per_digit_before.mean(), abs=0.03)
    assert alone.snapshots[-1].corrections_share == 1
    assert alone.test_after < alone.test_before - 0.05
    assert reminded.test_after > alone.test_after + 0.03
    assert alone.per_digit_after[1] < 0.5 < alone.per_digit_before[1]
    assert [snapshot.step for snapshot in alone.snapshots] == [0, 10, 20, 30, 40, 50, 60]
    for weight, copy in zip(weights, before, strict=True):
        assert (weight == copy).all(), "The original network was changed"


def test_the_copy_is_kept_as_a_run_of_its_own(trained):
    experiment, weights = trained
    heard: list[float] = []
    result = fine_tune(
        experiment.network, weights, mislabelled(), steps=15, remind=False, tell=heard.append
    )
    assert heard[0] == 0 and heard[-1] == 1 and heard == sorted(heard)
    store = Store()
    kept = keep_as_run(store, result, experiment, "mine, taught " + "x" * 200)
    run = store.run(kept)
    assert run.status == "finished" and run.name.startswith("mine, taught") and not run.active
    assert run.test_accuracy == pytest.approx(result.test_after)
    assert [info.step for info in store.snapshots(kept)] == [0, 10, 15]
    for found, expected in zip(store.weights(kept), result.weights, strict=True):
        assert (found == expected).all()
    assert run.experiment.network == experiment.network


def test_without_corrections_there_is_nothing_to_learn(trained):
    experiment, weights = trained
    with pytest.raises(ValueError, match="no corrections"):
        fine_tune(experiment.network, weights, mislabelled(0), steps=10, remind=True)
