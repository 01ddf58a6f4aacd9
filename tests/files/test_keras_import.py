"""A Keras model from elsewhere: what is shown computes the same, and what is strange is refused."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from mnist_core.base import sandbox
from mnist_core.base.untrusted import FileRefused
from mnist_core.data import mnist
from mnist_core.data.custom import from_arrays
from mnist_core.files import keras_import
from mnist_core.files.keras_import import read_keras, read_plan
from mnist_core.files.runfile import keep
from mnist_core.storage.store import Store
from tests.support.data_sets import bars
from tests.support.sandbox import here, zipped


def saved(*layers: Any, path, functional: bool = False) -> bytes:
    """A Sequential or Functional model of these layers as a `.keras` file, weights not at zero."""
    import keras

    model = keras.Sequential(layers)
    if functional:
        inputs = keras.Input(model.input_shape[1:])
        values = inputs
        for layer in model.layers:
            values = layer(values)
        model = keras.Model(inputs, values)
    draw = np.random.default_rng(0)
    model.set_weights([np.abs(draw.normal(0, 0.05, w.shape)) for w in model.get_weights()])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(path / "model.keras")
    return (path / "model.keras").read_bytes()


def changed(data: bytes, change) -> bytes:
    """The file with its description changed by `change(config)`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    parts["config.json"] = json.dumps(change(config) or config).encode()
    return zipped(parts)


def wide(path) -> bytes:
    """Nearly everything that can be expressed."""
    from keras import Input, layers

    return saved(
        Input((28, 28)),
        layers.Rescaling(1 / 127.5, offset=-1),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(3, 5, strides=2, use_bias=False),
        layers.BatchNormalization(epsilon=1e-5, center=False),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.AveragePooling2D(2, strides=1, padding="same"),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(6, activation="silu"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Dense(10),
        path=path,
    )


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory) -> bytes:
    from keras import Input, layers

    parts = [Input((28, 28, 1)), layers.Flatten(), layers.Dense(5, "tanh", name="hidden")]
    return saved(*parts, layers.Dense(10, "softmax"), path=tmp_path_factory.mktemp("model"))


def test_a_model_with_many_kinds_of_layer_computes_the_same(tmp_path, home) -> None:
    import keras

    data = mnist.load()
    run = read_keras(wide(tmp_path), "my <model>.keras", data, call=here)
    kinds = [layer.kind for layer in run.experiment.network.layers]
    assert kinds == ["conv", "batch_norm", "activation", "max_pool", "average_pool", "dropout",
                     "flatten", "dense", "activation"]  # fmt: skip
    store = Store()
    kept = store.run(keep(store, run, "local"))
    assert (kept.name, kept.status, kept.step) == ("my <model>", "finished", 0)
    ranges = {"0 to 1": (1, 0), "0 to 255": (255, 0), "−1 to 1": (2, -1), "MNIST": (1 / 0.3081, -0.1307 / 0.3081)}  # fmt: skip  # noqa: E501
    factor, offset = next(v for name, v in ranges.items() if name in kept.note)
    images = data.x_test[:50] / np.float32(255)
    original = keras.models.load_model(tmp_path / "model.keras")
    scores = original.predict(images * np.float32(factor) + np.float32(offset), verbose=0)
    from mnist_core.inspection.activations import probe

    found = probe(kept.experiment.network).probabilities(store.weights(kept.id), images)
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    store.close()


@pytest.mark.parametrize("shape", [(28, 28), (784,)])
def test_other_forms_of_input_and_functional_models(shape, tmp_path) -> None:
    from keras import Input, layers

    inner = [Input(shape)] + ([layers.Flatten()] if len(shape) == 2 else [])
    norm = layers.Normalization(axis=None, mean=0.13, variance=0.09)
    data = saved(*inner, norm, layers.Dense(10, "softmax"), path=tmp_path, functional=True)
    run = read_keras(data, "a.keras", mnist.load(), call=here)
    assert [layer.kind for layer in run.experiment.network.layers] == ["flatten"]


def test_the_model_is_loaded_in_a_process_of_its_own(plain_model) -> None:
    run = read_keras(plain_model, "a.keras", mnist.load())
    assert run.experiment.network.layers[1].activation == "tanh"
    assert 0 <= run.facts.test_accuracy <= 1


def test_the_default_model_comes_in_with_its_accuracy() -> None:
    from mnist_core.drawing.pretrained import MODEL_FOLDER, default_model_card

    data = (MODEL_FOLDER / "default.keras").read_bytes()
    run = read_keras(data, "default.keras", mnist.load(), call=here)
    assert run.facts.test_accuracy == pytest.approx(default_model_card()["test_accuracy"], abs=1e-4)


def layer_of(config: dict[str, Any], index: int) -> dict[str, Any]:
    return config["config"]["layers"][index]


def lambda_layer(config):
    layer_of(config, 2)["class_name"] = "Lambda"


def hidden_lambda(config):
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAAAAAA=="}}
    layer_of(config, 2)["config"]["activation"] = code


def custom(config):
    layer_of(config, 2).update(
        class_name="Mine", module="elsewhere", registered_name="elsewhere>Mine"
    )


def foreign_initializer(config):
    layer_of(config, 2)["config"]["kernel_initializer"] = {
        "module": "os", "class_name": "system", "config": {"command": "true"},
        "registered_name": None,
    }  # fmt: skip


def recurrent(config):
    layer_of(config, 2).update(class_name="LSTM")


def set_in(index: int, **settings):
    def change(config):
        layer_of(config, index)["config"].update(settings)

    return change


STRANGE = {
    "Lambda": (lambda_layer, "“hidden” holds code"),
    "a Lambda inside": (hidden_lambda, "“hidden” holds code"),
    "a custom layer": (custom, "“Mine”, a custom object"),
    "an initialiser from outside": (foreign_initializer, "“system”, a custom object"),
    "an unknown layer": (recurrent, "“hidden” \\(LSTM\\) is of a kind"),
    "an unknown activation": (set_in(2, activation="selu"), "“hidden”.*activation selu"),
    "an activation that is a dict": (set_in(2, activation={"a": 1}), "cannot be read|activation"),
    "another number type": (set_in(2, dtype="float16"), "float32"),
    "too many units": (set_in(2, units=10**9), "cannot be shown"),
    "units that are text": (set_in(2, units="many"), "cannot be shown"),
    "no units": (lambda c: layer_of(c, 2)["config"].pop("units") and None, "cannot be read"),
    "another input": (set_in(0, batch_shape=[None, 32, 32, 3]), "input is 32×32×3"),
    "an input that is none": (set_in(0, batch_shape="x"), "input is none"),
    "three classes": (set_in(3, units=3), "does not end in a dense layer of 10"),
    "a sigmoid at the end": (set_in(3, activation="sigmoid"), "does not end in"),
    "a list": (lambda c: [c], "does not hold a Keras model"),
    "no layers": (lambda c: c["config"].update(layers=[]), "does not say what images"),
    "layers that are text": (lambda c: c["config"].update(layers="x"), "no Sequential"),
    "a layer that is text": (lambda c: c["config"].update(layers=["x"]), "no settings"),
    "another kind of model": (lambda c: c.update(class_name="Model"), "no Sequential"),
    "a branch": (lambda c: c.update(class_name="Functional"), "does not simply follow"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_models_are_refused_before_anything_is_loaded(name, plain_model) -> None:
    change, words = STRANGE[name]
    with pytest.raises(FileRefused, match=words):
        read_plan(changed(plain_model, change))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89HDF\r\n\x1a\n" + b"0" * 100, zipped({"a": b"1"}),
     zipped({"config.json": b"{", "metadata.json": b"{}", "model.weights.h5": b""}),
     zipped({"config.json": b'{"a": NaN}', "metadata.json": b"{}", "model.weights.h5": b""}),
     zipped({"config.json": b"[" * 9000, "metadata.json": b"{}", "model.weights.h5": b""}),
     zipped({"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"", "x.py": b""})],
)  # fmt: skip
def test_files_that_are_no_models(data) -> None:
    with pytest.raises(FileRefused) as refused:
        read_plan(data)
    assert str(refused.value).endswith(".")


def with_weights(data: bytes, write) -> bytes:
    import h5py

    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    stream.write(parts["model.weights.h5"])
    with h5py.File(stream, "r+") as file:
        write(file)
    return zipped(parts | {"model.weights.h5": stream.getvalue()})


def link_outside(file):
    import h5py

    file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")


def huge(file):
    file.create_dataset("zeros", (10**9,), "f4", chunks=True, compression="gzip")


def outside(file):
    file.create_dataset("outside", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def empty(file):
    for name in list(file):
        del file[name]


@pytest.mark.parametrize(
    ("write", "words"),
    [(link_outside, "link"), (huge, "memory"), (outside, "plain"), (empty, "Keras cannot|fit")],
)
def test_strange_weights_are_refused(write, words, plain_model) -> None:
    with pytest.raises(FileRefused, match=words):
        read_keras(with_weights(plain_model, write), "a.keras", mnist.load(), call=here)


def test_a_process_that_dies_is_a_sentence(plain_model) -> None:
    def dies(module, folder):
        return sandbox.call("mnist_core.no_such_module", folder)

    with pytest.raises(FileRefused, match="could not be loaded"):
        keras_import.read_keras(plain_model, "a.keras", mnist.load(), call=dies)


def test_a_model_is_for_a_data_set_of_as_many_classes(tmp_path) -> None:
    from keras import Input, layers

    data = bars(test=500)
    model = saved(Input((28, 28, 1)), layers.Flatten(), layers.Dense(3, "softmax"), path=tmp_path)
    with pytest.raises(FileRefused, match=r"dense layer of 10 units .* It has 3; choose"):
        read_keras(model, "three.keras", mnist.load(), here)
    digest = from_arrays(data).digest
    run = read_keras(model, "three.keras", data, here, digest)
    assert (run.experiment.data, run.experiment.network.classes) == (digest, 3)
    assert run.weights[0][-1].shape == (3,) and 0 <= run.facts.test_accuracy <= 1
