"""Corrections are kept, and teach a network, which forgets unless it is reminded."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mnist_core.data import mnist
from mnist_core.drawing.finetune import fine_tune, keep_as_run
from mnist_core.experiment.spec import Experiment
from mnist_core.storage import corrections
from mnist_core.storage.corrections import CorrectionsError
from mnist_core.storage.store import Store
from mnist_core.training.events import Finished, Snapshot
from mnist_core.training.loop import train


def image(seed=0):
    return np.random.default_rng(seed).random((28, 28)).astype(np.float32)


def test_corrections_are_kept_in_order_and_for_each_owner(home):
    assert len(corrections.load()) == 0
    for seed, label in enumerate((7, 0, 9)):
        corrections.add(image(seed), label)
    corrections.add(image(5), 3, owner="../some one else")
    kept = corrections.load()
    assert kept.labels.tolist() == [7, 0, 9]
    assert np.abs(kept.ink[1] - image(1)).max() < 1 / 255
    assert corrections.load("../some one else").labels.tolist() == [3]
    assert corrections.load("nobody").labels.tolist() == []
    files = list((home / "corrections").iterdir())
    assert len(files) == 2 and all(file.suffix == ".npz" for file in files)


def test_the_last_word_on_a_drawing_counts_and_one_can_be_removed():
    corrections.add(image(0), 4)
    corrections.add(image(1), 5)
    corrections.add(image(0), 9)
    assert corrections.load().labels.tolist() == [5, 9]
    assert corrections.remove(0).labels.tolist() == [9]
    with pytest.raises(IndexError):
        corrections.remove(1)


def test_the_export_is_a_plain_npz_file():
    corrections.add(image(), 8)
    with np.load(io.BytesIO(corrections.load().as_npz()), allow_pickle=False) as archive:
        assert archive["images"].shape == (1, 28, 28) and archive["images"].dtype == np.uint8
        assert archive["labels"].tolist() == [8]


def test_what_is_no_digit_and_files_that_are_none_are_refused(home):
    for label in (-1, 10):
        with pytest.raises(ValueError, match="Expected an image"):
            corrections.add(image(), label)
    folder = home / "corrections"
    folder.mkdir()
    for content in (b"", b"PK\x03\x04 not really", b"x" * 100):
        (folder / "local.npz").write_bytes(content)
        with pytest.raises(CorrectionsError, match="cannot be read"):
            corrections.load()
    np.savez(folder / "local.npz", images=np.zeros((2, 3)), labels=np.zeros(2))
    with pytest.raises(CorrectionsError, match="holds no corrections"):
        corrections.load()


def test_a_folder_that_cannot_be_written_is_a_sentence(home):
    (home / "corrections").write_text("a file where the folder should be")
    with pytest.raises(CorrectionsError, match=r"cannot be (kept|read)"):
        corrections.add(image(), 1)


def test_there_is_a_most(monkeypatch):
    monkeypatch.setattr(corrections, "MOST", 3)
    for seed in range(5):
        corrections.add(image(seed), seed)
    assert corrections.load().labels.tolist() == [2, 3, 4]


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
        assert result.moments[0].corrections_share < 0.5
        assert result.test_before == pytest.approx(result.per_digit_before.mean(), abs=0.03)
    assert alone.moments[-1].corrections_share == 1
    assert alone.test_after < alone.test_before - 0.05
    assert reminded.test_after > alone.test_after + 0.03
    assert alone.per_digit_after[1] < 0.5 < alone.per_digit_before[1]
    assert [moment.step for moment in alone.moments] == [0, 10, 20, 30, 40, 50, 60]
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
        fine_tune(experiment.network, weights, corrections.NONE, steps=10, remind=True)
