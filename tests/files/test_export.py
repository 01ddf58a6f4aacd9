"""A run for other programs: each file is read again by its own library and says the same."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from typing import get_args

import numpy as np
import pandas
import pytest

from mnist_core import PRESETS
from mnist_core.base import sandbox
from mnist_core.base.sandbox import WorkFailed
from mnist_core.data import mnist
from mnist_core.experiment.activations import ActivationName
from mnist_core.experiment.shapes import layer_shapes
from mnist_core.experiment.spec import parse_network
from mnist_core.files.export.metrics import as_csv, as_parquet, metrics_table
from mnist_core.files.export.models import FORMATS, IMAGES, TOLERANCE, convert
from mnist_core.files.export.tensorboard import tensorboard_logs
from mnist_core.files.model_import.work import open_container, take_file
from mnist_core.storage.store import Store
from tests.support.every_layer import EVERY_LAYER
from tests.support.runs_in_store import ended_run, some_weights
from tests.support.sandbox import here


def test_every_kind_of_layer_converts_to_every_format() -> None:
    images = mnist.load().x_test[:IMAGES]
    # LiteRT's XNNPACK divides a blank column by its length, zero: such a file is not offered.
    layers = tuple(layer for layer in EVERY_LAYER.layers if layer.kind != "unit_norm")
    network = EVERY_LAYER.model_copy(update={"layers": layers})
    experiment = PRESETS["cnn"].model_copy(update={"network": network})
    files = convert(network, some_weights(experiment, 1), images, call=here)
    assert [file.format for file in files] == list(FORMATS)
    for file in files:
        assert file.offered, file.problem
        assert file.difference <= TOLERANCE and len(file.data) > 1000
    assert files[0].data[:2] == b"PK" and files[2].data[4:8] == b"TFL3"


def test_kernel_one_with_a_stride_converts_and_comes_back() -> None:
    network = parse_network(
        {
            "layers": [
                {"kind": "conv", "filters": 4, "kernel_size": 1, "stride": 2},
                {"kind": "conv", "filters": 3, "kernel_size": 1, "stride": 3, "padding": "same"},
                {"kind": "flatten"},
            ]
        }
    )
    experiment = PRESETS["cnn"].model_copy(update={"network": network})
    weights = some_weights(experiment, 1)
    files = convert(network, weights, mnist.load().x_test[:50], call=here)
    assert [file.problem for file in files] == ["", "", ""]
    taken = take_file(open_container(files[0].data), 10)
    assert [shape.output_shape for shape in layer_shapes(taken.network.layers)][-2] == (75,)


def test_every_activation_converts() -> None:
    names = get_args(ActivationName)
    dense = [{"kind": "dense", "units": 8, "activation": name} for name in names]
    network = parse_network({"layers": [{"kind": "flatten"}, *dense]})
    experiment = PRESETS["cnn"].model_copy(update={"network": network})
    weights = some_weights(experiment, 1)
    for file in convert(network, weights, mnist.load().x_test[:50], call=here):
        assert file.offered, file.problem


def test_the_conversion_runs_in_a_process_of_its_own() -> None:
    images = mnist.load().x_test[:50]
    network = PRESETS["two-layer"].network
    (file,) = convert(network, some_weights(PRESETS["two-layer"], 1), images, ["onnx"])
    assert file.offered and file.difference <= TOLERANCE


def judged(**answer) -> object:
    def call(module, folder):
        (folder / "model.onnx").write_bytes(b"model")
        usual = {"difference": 0.0, "digits_changed": 0, "seconds": 1.0, "problem": ""}
        return {"onnx": usual | answer}

    network = PRESETS["two-layer"].network
    weights = some_weights(PRESETS["two-layer"], 1)
    (file,) = convert(network, weights, np.zeros((1, 28, 28), np.uint8), ["onnx"], call=call)
    return file


@pytest.mark.parametrize(
    "answer", [{"difference": 2e-4}, {"difference": float("nan")}, {"problem": "no such op"}]
)
def test_a_file_that_computes_something_else_is_not_offered(answer) -> None:
    file = judged(**answer)
    assert not file.offered and not file.data and file.problem.startswith(("The ONNX", "ONNX"))
    assert judged(difference=9e-5).data == b"model"


def test_diverged_weights_are_not_converted() -> None:
    weights = [np.full(3, np.nan)]
    with pytest.raises(WorkFailed, match="diverged"):
        convert(PRESETS["two-layer"].network, weights, np.zeros((1, 28, 28), np.uint8))


def test_metrics_tables_hold_every_value(store: Store) -> None:
    run = ended_run(store)
    steps, epochs = store.steps(run), store.epochs(run)
    table = metrics_table(steps, epochs)
    for found in (
        pandas.read_csv(io.BytesIO(as_csv(table))),
        pandas.read_parquet(io.BytesIO(as_parquet(table))),
    ):
        np.testing.assert_array_equal(found["step"], steps.step)
        np.testing.assert_array_equal(found["loss"].to_numpy(np.float32), steps.loss)
        np.testing.assert_array_equal(found["accuracy"].to_numpy(np.float32), steps.accuracy)
        assert found["epoch"].tolist() == [1] * 10 + [2] * 10
        ends = found[found["val_accuracy"].notna()]
        assert ends["step"].tolist() == [10, 20] and ends["val_accuracy"].tolist() == [0.8, 0.85]
        assert ends["val_loss"].iloc[0] == 0.6 and np.isnan(ends["val_loss"].iloc[1])


def test_a_run_without_steps_gives_empty_tables(store: Store) -> None:
    run = store.create_run(PRESETS["cnn"])
    table = metrics_table(store.steps(run), store.epochs(run))
    assert len(table) == 0 and as_csv(table).startswith(b"step,epoch,loss") and as_parquet(table)


def test_tensorboard_logs_hold_every_value(store: Store, tmp_path, monkeypatch) -> None:
    import tensorflow as tf

    run = ended_run(store)
    monkeypatch.setattr("mnist_core.files.export.tensorboard.call", here)
    data = tensorboard_logs(store.steps(run), store.epochs(run), "my-run", 1.7e9)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path)
    found: dict[str, dict[int, float]] = {}
    for path in tmp_path.glob("my-run/*/events.out.tfevents.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                name = f"{path.parent.name} {value.tag}"
                found.setdefault(name, {})[event.step] = value.simple_value
    assert found.keys() == {
        "train loss", "train accuracy", "validation loss", "validation accuracy"
    }  # fmt: skip
    steps = store.steps(run)
    assert list(found["train loss"]) == steps.step.tolist()
    np.testing.assert_array_equal(list(found["train loss"].values()), steps.loss)
    assert found["validation accuracy"] == pytest.approx({10: 0.8, 20: 0.85})


def test_work_that_fails_or_takes_too_long_is_a_sentence(tmp_path) -> None:
    with pytest.raises(WorkFailed, match="took longer than"):
        sandbox.call("mnist_core.files.export.convert", tmp_path, seconds=0.05)
    with pytest.raises(WorkFailed, match="This failed"):
        sandbox.call("mnist_core.files.export.convert", tmp_path)


def test_the_process_knows_none_of_the_app_s_secrets(monkeypatch, tmp_path) -> None:
    seen, started = {}, subprocess.Popen

    def run(command, env, **more):
        seen.update(env)
        return started([sys.executable, "-c", "raise SystemExit(1)"], stdin=subprocess.PIPE)

    monkeypatch.setenv("MNIST_LAB_DATABASE", "postgresql://user:secret@host/lab")
    monkeypatch.setattr(sandbox.subprocess, "Popen", run)
    with pytest.raises(WorkFailed):
        sandbox.call("mnist_core.files.export.convert", tmp_path)
    assert "PATH" in seen and "secret" not in json.dumps(seen)


def test_the_page_s_imports_stay_light() -> None:
    code = (
        "import sys, mnist_core.files.runfile, mnist_core.files.model_import, "
        "mnist_core.files.export.models, "
        "mnist_core.files.export.tensorboard, mnist_core.experiment.class_links; "
        "print({'tensorflow', 'keras', 'onnxruntime', 'h5py'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
