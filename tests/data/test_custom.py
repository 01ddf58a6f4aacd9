"""Data sets of one's own: what files are taken, what they become, and how they are kept."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mnist_core import PRESETS, Experiment, ExperimentError, train
from mnist_core.base.sandbox import WorkFailed
from mnist_core.base.untrusted import FileRefused
from mnist_core.data import mnist
from mnist_core.data.custom import (
    KNOWN_NAMES,
    MAX_CLASS_NAME,
    MAX_IMAGES,
    PARTS,
    class_names,
    from_arrays,
    inverted,
    pack,
    unpack,
)
from mnist_core.data.download import fetch
from mnist_core.data.mnist import DatasetError
from mnist_core.data.read_files import dataset_in
from mnist_core.engine.dataset_transfer import KEPT, WANTED, NotWanted, dataset_for, receive
from mnist_core.evaluation.compare_runs import differences
from mnist_core.experiment.spec import MNIST
from mnist_core.model.keras_script import keras_script
from mnist_core.storage import datasets
from mnist_core.training.control import Control
from mnist_core.visitors.limits import LOCAL, PUBLIC
from mnist_core.visitors.visitors import data_problem, usage
from tests.support.data_sets import NAMES, bars, idx_files, npz, parts

DATA = bars()
SET = from_arrays(DATA)


def read_files(files, most: int = MAX_IMAGES):
    return from_arrays(dataset_in(files, most))


FAST = "layers=flatten;dense(units:16)&epochs=3&batch_size=16&learning_rate=0.01"


def same(one, other) -> bool:
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in PARTS)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [
    [("bars.npz", npz(**parts(DATA)))],
    idx_files(DATA),
    idx_files(DATA, packed=False),
    [(f"k-{part[2:]}-{part[0]}.npz", npz(arr_0=array)) for part, array in parts(DATA).items()],
])  # fmt: skip
def test_each_kind_of_file_gives_the_same_set(files) -> None:
    found = read_files(files)
    assert same(found.dataset, DATA) and found.digest == SET.digest
    assert found.dataset.classes == ("0", "1", "2")
    assert found.dataset.y_train.dtype == found.dataset.x_test.dtype == np.uint8


def test_other_number_formats_become_mnists() -> None:
    given = parts(DATA)
    given["x_train"] = DATA.x_train[..., None].astype(np.float32) / 255
    given["x_test"] = DATA.x_test.astype(np.int64)
    given["y_train"] = DATA.y_train[:, None].astype(np.int32)
    assert read_files([("bars.npz", npz(**given))]).digest == SET.digest


def test_labels_may_be_any_numbers_and_names_may_be_in_the_file() -> None:
    given = parts(DATA) | {"y_train": 5 * DATA.y_train + 7, "y_test": 5 * DATA.y_test + 7}
    found = read_files([("letters.npz", npz(**given))])
    assert found.dataset.classes == ("7", "12", "17") and same(found.dataset, DATA)
    assert found.dataset.name == "letters"
    named = read_files([("x.npz", npz(**given, class_names=np.array(NAMES)))])
    assert named.dataset.classes == NAMES and named.digest == found.digest


def test_a_saved_set_comes_back_with_its_names() -> None:
    found = read_files([("again.npz", pack(DATA, names=True))])
    assert found.digest == SET.digest and found.dataset.classes == NAMES


def test_names_of_classes() -> None:
    assert class_names([" T-shirt/top ", "お"], 2) == ("T-shirt/top", "お")
    for names in (["a", "a"], ["", "b"], ["a", "[x](y)"], ["a", "x" * (MAX_CLASS_NAME + 1)]):
        with pytest.raises(FileRefused):
            class_names(names, 2)
    for known in KNOWN_NAMES.values():
        assert class_names(known, 10) == known


# --- what a set is ------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_content_alone() -> None:
    renamed = replace(DATA, name="other", classes=("a", "b", "c"))
    assert from_arrays(renamed).digest == SET.digest
    changed = DATA.x_test.copy()
    changed[0, 0, 0] ^= 1
    assert from_arrays(replace(DATA, x_test=changed)).digest != SET.digest
    assert from_arrays(inverted(DATA)).digest != SET.digest
    assert same(inverted(inverted(DATA)), DATA)


def test_what_was_packed_is_checked_when_it_is_unpacked() -> None:
    assert same(unpack(pack(DATA), SET.digest, "Bars", NAMES), DATA)
    for content, digest in ((pack(DATA), "0" * 32), (pack(DATA)[:500], SET.digest)):
        with pytest.raises(DatasetError, match="damaged"):
            unpack(content, digest, "Bars", NAMES)


def test_an_experiment_names_its_data_set() -> None:
    experiment = PRESETS["cnn"].on(SET.digest, 3)
    assert experiment.network.shapes()[-1].output_shape == (3,)
    assert Experiment.from_json(experiment.to_json()) == experiment
    query = experiment.to_query()
    assert f"data={SET.digest}" in query and "classes=3" in query
    assert Experiment.from_query(query) == experiment
    assert Experiment.from_query(f"preset=cnn&data={SET.digest}&classes=3") == experiment
    assert experiment.on(MNIST, 10) == PRESETS["cnn"]
    assert differences([experiment, PRESETS["cnn"]]) == {"Data set": [SET.digest[:8], "MNIST"]}


def test_what_was_written_before_there_were_data_sets_is_still_read() -> None:
    old = PRESETS["two-layer"].model_dump(mode="json")
    del old["data"], old["network"]["classes"]
    assert Experiment.parse(old) == PRESETS["two-layer"]
    assert "data" not in PRESETS["two-layer"].to_query()


@pytest.mark.parametrize(("changes", "words"), [
    ({"data": "../x"}, "There is no data set"),
    ({"network": {"layers": [{"kind": "flatten"}], "classes": 7}}, "MNIST has 10"),
    ({"network": {"layers": [{"kind": "flatten"}], "classes": 51}}, "from 2 to 50"),
])  # fmt: skip
def test_data_sets_that_cannot_be_are_told(changes, words) -> None:
    with pytest.raises(ExperimentError, match=words):
        Experiment.parse(PRESETS["cnn"].model_dump() | changes)


@pytest.mark.slow
def test_a_network_learns_a_set_of_ones_own() -> None:
    events = list(train(Experiment.from_query(FAST).on(SET.digest, 3), DATA))
    finished = events[-1]
    assert finished.kind == "finished" and finished.test_accuracy == 1.0
    assert finished.model.output_shape == (None, 3)


def test_training_on_another_set_than_the_network_is_for_is_told() -> None:
    with pytest.raises(DatasetError, match="3 classes, but MNIST"):
        next(train(Experiment.from_query(FAST).on(SET.digest, 3), mnist.load()))
    with pytest.raises(DatasetError, match="not given"):
        next(train(Experiment.from_query(FAST).on(SET.digest, 3)))


def test_the_keras_script_reads_the_saved_set() -> None:
    text = keras_script(Experiment.from_query(FAST + "&label_smoothing=0.1").on(SET.digest, 3))
    assert f"data-{SET.digest[:8]}.npz" in text and "units=3" in text and "mnist" not in text
    assert "to_categorical(y_train, 3)" in text
    compile(text, "script", "exec")


# --- keeping ------------------------------------------------------------------------------------


def test_a_set_is_kept_for_its_owner(store) -> None:
    datasets.keep(store, "ada", SET)
    (info,) = datasets.sets(store, "ada")
    assert (info.digest, info.title, info.classes) == (SET.digest, "Bars", NAMES)
    assert (info.train, info.test) == (120, 30)
    assert same(datasets.load(store, "ada", SET.digest), DATA)
    assert datasets.sets(store, "bob") == []
    with pytest.raises(DatasetError, match="is not here"):
        datasets.load(store, "bob", SET.digest)
    datasets.keep(store, "bob", SET)
    datasets.put_aside(store, "ada", SET.digest)
    assert datasets.find(store, "bob", SET.digest) and not datasets.find(store, "ada", SET.digest)


def test_names_can_be_changed_and_deleting_be_undone(store) -> None:
    datasets.keep(store, "ada", SET)
    datasets.rename(store, "ada", SET.digest, "  Sticks ", ["a", "b", "c"])
    data = datasets.load(store, "ada", SET.digest)
    assert data.name == "Sticks" and data.classes == ("a", "b", "c")
    with pytest.raises(FileRefused):
        datasets.rename(store, "ada", SET.digest, "x", ["a", "b"])
    datasets.put_aside(store, "ada", SET.digest)
    datasets.purge(store, "ada")
    assert not datasets.sets(store, "ada")
    datasets.bring_back(store, "ada", SET.digest)
    assert datasets.sets(store, "ada")
    datasets.put_aside(store, "ada", SET.digest)
    datasets.purge(store, "ada", timedelta(0))
    datasets.bring_back(store, "ada", SET.digest)
    assert not datasets.sets(store, "ada")


def test_adding_a_deleted_set_again_brings_it_back(store) -> None:
    datasets.keep(store, "ada", SET)
    datasets.put_aside(store, "ada", SET.digest)
    datasets.keep(store, "ada", from_arrays(replace(DATA, name="Again")))
    assert [info.title for info in datasets.sets(store, "ada")] == ["Again"]


def test_an_experiment_whose_set_is_not_here_is_told(store) -> None:
    experiment = Experiment.from_query(FAST).on(SET.digest, 3)
    assert datasets.problem(store, "ada", PRESETS["cnn"]) is None
    assert "not here" in datasets.problem(store, "ada", experiment)
    datasets.keep(store, "ada", SET)
    assert datasets.problem(store, "ada", experiment) is None
    assert "3 classes" in datasets.problem(store, "ada", experiment.on(SET.digest, 4))


def test_runs_that_name_a_set_are_counted(store) -> None:
    experiment = Experiment.from_query(FAST).on(SET.digest, 3)
    run = store.create_run(experiment, "ada")
    store.create_run(PRESETS["cnn"], "ada")
    store.create_run(experiment, "bob")
    assert datasets.users(store, "ada", SET.digest) == 1
    assert datasets.users(store, "ada", SET.digest, active=True) == 1
    store.set_status(run, "stopped")
    assert datasets.users(store, "ada", SET.digest, active=True) == 0


def test_a_visitor_keeps_so_many_sets_and_megabytes(store) -> None:
    limits = replace(PUBLIC, kept_data=2, kept_megabytes=1)
    size = len(pack(DATA))
    assert data_problem(store, "ada", limits, size) is None
    datasets.keep(store, "ada", SET)
    assert usage(store, "ada").bytes == size and usage(store, "ada").data == 1
    assert "1 MB" in data_problem(store, "ada", limits, 1_000_000)
    datasets.keep(store, "ada", from_arrays(bars(seed=1)))
    assert "2 data sets" in data_problem(store, "ada", limits, size)
    # What was deleted and could be undone gives way.
    datasets.put_aside(store, "ada", SET.digest)
    assert data_problem(store, "ada", limits, 1_000_000 - size) is None
    assert data_problem(store, "ada", LOCAL, 9**9) is None


# --- to the worker ------------------------------------------------------------------------------


def test_a_worker_asks_for_what_it_lacks_and_keeps_a_few() -> None:
    asked = []

    def ask(message) -> None:
        asked.append(message)
        digest = message["data"]
        content = pack(next(d for d in sets if from_arrays(d).digest == digest))
        threading.Thread(target=receive, args=(digest, content)).start()

    sets = [bars(seed=seed) for seed in range(20, 21 + KEPT)]
    experiments = [Experiment.from_query(FAST).on(from_arrays(d).digest, 3) for d in sets]
    assert dataset_for(PRESETS["cnn"], ask, Control()) is None
    for experiment, data in zip(experiments, sets, strict=True):
        assert same(dataset_for(experiment, ask, Control()), data)
    assert [message["kind"] for message in asked] == [WANTED] * (KEPT + 1)
    dataset_for(experiments[-1], ask, Control())
    assert len(asked) == KEPT + 1  # it is still there
    dataset_for(experiments[0], ask, Control())
    assert len(asked) == KEPT + 2  # the oldest had to go


def test_a_worker_that_gets_none_says_why_and_a_stop_ends_the_wait() -> None:
    experiment = Experiment.from_query(FAST).on("ab" * 16, 3)
    with pytest.raises(DatasetError, match="not here"):
        dataset_for(
            experiment, lambda m: receive(m["data"], datasets.not_here(m["data"])), Control()
        )
    control = Control()
    with pytest.raises(NotWanted):
        dataset_for(experiment, lambda m: control.send(stop=True), control)


# --- by Keras's loader --------------------------------------------------------------------------


def test_fashion_mnist_by_keras_is_checked_and_named() -> None:
    ten = bars(classes=10)

    def call(_module, folder, _seconds):
        (folder / "fetched.npz").write_bytes(npz(**parts(ten)))
        return {"problem": ""}

    found = fetch(call)
    assert same(found.dataset, ten) and found.dataset.name == "Fashion-MNIST"
    assert found.dataset.classes[9] == "Ankle boot"


def test_without_a_network_there_is_a_sentence() -> None:
    def unreachable(*_):
        return {"problem": "URL fetch failure: [Errno -2] Name or service not known"}

    def hangs(*_):
        raise WorkFailed("This took longer than 120 seconds and was stopped.")

    for call in (unreachable, hangs):
        with pytest.raises(FileRefused, match=r"no network connection .*add them here"):
            fetch(call)
