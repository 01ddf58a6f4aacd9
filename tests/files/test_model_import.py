"""A model from elsewhere: what is shown computes the same, and what is strange is refused."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
import pytest
from onnx import helper

from mnist_core import FileRefused, import_model
from mnist_core.base import sandbox
from mnist_core.data import mnist
from mnist_core.data.custom import from_arrays
from mnist_core.data.mnist import Dataset
from mnist_core.experiment.spec import parse_network
from mnist_core.files.model_import import WeightsAlone, as_run, fits, likely_networks
from mnist_core.files.model_import.work import open_container, take_file
from mnist_core.files.runfile import keep
from mnist_core.inspection.activations import probe
from mnist_core.storage.store import Store
from tests.support.data_sets import bars
from tests.support.model_files import (
    conv,
    dense,
    drawn,
    h5,
    layer,
    onnx_file,
    pair,
    sequential,
    small_h5,
)
from tests.support.sandbox import here, zipped

IMAGES = np.random.default_rng(0).random((12, 28, 28), np.float32)


def shares(data: bytes, images: np.ndarray = IMAGES) -> np.ndarray:
    """The probabilities that the network which is taken over gives, without any preparation."""
    taken = take_file(open_container(data), 10)
    factor, offset = (np.float32(value) for value in taken.front)
    return probe(taken.network).probabilities(list(taken.weights), images * factor + offset)


def kinds(data: bytes) -> list[str]:
    return [one.kind for one in take_file(open_container(data), 10).network.layers]


def some(count: int = 300) -> Dataset:
    """MNIST with few test images: enough to see that a preparation was tried."""
    data = mnist.load()
    return Dataset(data.x_train[:50], data.y_train[:50], data.x_test[:count], data.y_test[:count])


# --- what Keras saves ---------------------------------------------------------------------------


def built(*layers: Any) -> Any:
    """A Sequential of these layers with weights drawn at random."""
    import keras

    model = keras.Sequential(list(layers))
    draw = np.random.default_rng(1)
    for variable in model.variables:
        if variable.path.split("/")[-1] in ("seed_generator_state", "mean", "variance", "count"):
            continue
        values = 0.3 * draw.standard_normal(variable.shape) / max(1, variable.shape[0] ** 0.25)
        positive = variable.path.endswith(("moving_variance", "gamma"))
        variable.assign(np.abs(values) + 0.3 if positive else values)
    return model


def functional(model: Any) -> Any:
    import keras

    inputs = values = keras.Input(model.input_shape[1:])
    for one in model.layers:
        values = one(values)
    return keras.Model(inputs, values)


def models() -> dict[str, list[Any]]:
    from keras import Input, Sequential, layers

    flat, ten = layers.Flatten, layers.Dense
    return {
        "dense": [Input((28, 28)), flat(), ten(9, "relu", kernel_regularizer="l2"),
                  layers.Dropout(0.2), ten(10, "softmax")],
        "rows and logits": [Input((784,)), ten(9, "selu"), layers.AlphaDropout(0.1), ten(10)],
        "leaky": [Input((784,)), ten(9), layers.LeakyReLU(),
                  ten(9, activation=layers.LeakyReLU(negative_slope=0.1)), ten(10),
                  layers.Softmax()],
        "normalised": [Input((28, 28, 1)),
                       layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
                       layers.BatchNormalization(epsilon=1e-5, center=False), layers.ReLU(),
                       layers.MaxPooling2D(), flat(), layers.BatchNormalization(),
                       ten(10, "softmax")],
        "separable": [Input((28, 28, 1)),
                      layers.SeparableConv2D(6, 3, depth_multiplier=2, activation="relu"),
                      layers.DepthwiseConv2D(3, padding="same"), layers.GlobalMaxPooling2D(),
                      ten(10, "softmax")],
        "groups and holes": [Input((28, 28, 1)), layers.Conv2D(4, 3),
                             layers.Conv2D(6, 3, groups=2), layers.Conv2D(3, 3, dilation_rate=2),
                             layers.GlobalAveragePooling2D(), ten(10, "softmax")],
        "padding": [Input((28, 28, 1)), layers.ZeroPadding2D(2),
                    layers.Conv2D(4, 5, activation="tanh"), layers.ZeroPadding2D((1, 1)),
                    layers.ReLU(), layers.Conv2D(4, 3, strides=2), layers.AveragePooling2D(2),
                    flat(), ten(10, "softmax")],
        "kernels that are not square": [Input((28, 28, 1)),
                                        layers.Conv2D(4, (3, 5), padding="same"),
                                        layers.Conv2D(4, (1, 7), padding="same", strides=2),
                                        flat(), ten(10, "softmax")],
        "no dense layer": [Input((28, 28, 1)), layers.Conv2D(4, 3, activation="relu"),
                           layers.Conv2D(10, 1), layers.GlobalAveragePooling2D(),
                           layers.Activation("softmax")],
        "maps of one pixel": [Input((28, 28, 1)), layers.Conv2D(4, 3, 3, activation="relu"),
                              layers.Conv2D(10, 9, activation="softmax"), flat()],
        "normalised at the end": [Input((28, 28, 1)), flat(), ten(10),
                                  layers.BatchNormalization(), layers.Softmax()],
        "relu at the end": [Input((28, 28, 1)), flat(), ten(10, "relu"), layers.Softmax()],
        "reshaped and augmented": [
            Input((784,)), layers.Reshape((28, 28, 1)), layers.Rescaling(2, -1),
            layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomTranslation(0.1, 0.1),
            layers.Conv2D(4, 3), layers.SpatialDropout2D(0.1), layers.GaussianNoise(0.1),
            layers.GaussianDropout(0.1), layers.Reshape((-1,)), ten(10, "softmax")],
        "mean and deviation": [Input((28, 28, 1)),
                               layers.Normalization(axis=None, mean=0.13, variance=0.09),
                               layers.Conv2D(4, 3), layers.Rescaling(0.5, 0.1), flat(),
                               ten(10, "softmax")],
        "models inside": [
            Input((28, 28, 1)),
            Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()]),
            Sequential([flat(), ten(6, "gelu"), layers.BatchNormalization(), ten(10, "softmax")])],
        "channels first": [Input((1, 28, 28)), layers.Permute((2, 3, 1)), layers.Conv2D(4, 3),
                           layers.Permute((3, 1, 2)), flat(), ten(10, "softmax")],
    }  # fmt: skip


@pytest.mark.parametrize("name", models())
def test_what_keras_saves_computes_the_same(name, tmp_path) -> None:
    model = built(*models()[name])
    for one, suffix in ((model, ".keras"), (model, ".h5"), (functional(model), ".h5")):
        one.compile("adam", "sparse_categorical_crossentropy")
        one.save(tmp_path / f"model{suffix}")
        expected = np.asarray(
            one(IMAGES.reshape(-1, *one.input_shape[1:]), training=False)
        ).reshape(12, 10)
        if name == "rows and logits":
            powers = np.exp(expected - expected.max(1, keepdims=True))
            expected = powers / powers.sum(1, keepdims=True)
        assert expected.max() < 0.999, "a sure network hides what differs"
        found = shares((tmp_path / f"model{suffix}").read_bytes())
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_three_equal_channels_are_one_grey(tmp_path) -> None:
    from keras import Input, layers

    for first in (layers.Conv2D(4, 3), layers.Rescaling(0.5)):
        model = built(Input((28, 28, 3)), first, layers.Flatten(), layers.Dense(10, "softmax"))
        model.save(tmp_path / "model.h5")
        expected = np.asarray(model(np.repeat(IMAGES[..., None], 3, -1)))
        found = shares((tmp_path / "model.h5").read_bytes())
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_each_pixel_may_have_a_mean_of_its_own(tmp_path) -> None:
    from keras import Input, layers

    each = layers.Normalization()
    each.adapt(IMAGES.reshape(12, 784) * np.linspace(0.5, 1.5, 784))
    model = built(Input((784,)), each, layers.Dense(10, "softmax"))
    model.save(tmp_path / "model.keras")
    found = shares((tmp_path / "model.keras").read_bytes())
    np.testing.assert_allclose(found, model(IMAGES.reshape(12, 784)), atol=2e-5)


# --- older forms --------------------------------------------------------------------------------


def test_a_sequential_of_keras_2_0_is_a_list_and_may_not_say_what_it_reads() -> None:
    config = sequential(
        layer("Flatten", "flatten"), dense("hidden", 5, "tanh"), dense("out", 10, "softmax"),
        shape=None,
    )  # fmt: skip
    config["config"] = config["config"]["layers"]
    weights = {"flatten": {}, "hidden": pair(784, 5), "out": pair(5, 10)}
    np.testing.assert_allclose(shares(h5(config, weights)), shares(small_h5()), atol=1e-6)


def test_a_model_of_keras_1() -> None:
    first = layer("Convolution2D", "conv", nb_filter=3, nb_row=5, nb_col=5, border_mode="same",
                  subsample=[2, 2], dim_ordering="tf", activation="relu", bias=True)  # fmt: skip
    last = layer("Dense", "out", output_dim=10, activation="softmax", bias=True)
    first["config"]["batch_input_shape"] = [None, 28, 28, 1]
    drop, flat = layer("Dropout", "drop", p=0.5), layer("Flatten", "flat")
    kernel, bias, matrix, shift = drawn(5, 5, 1, 3), drawn(3), drawn(588, 10), drawn(10)
    old = h5({"class_name": "Sequential", "config": [first, drop, flat, last]},
             {"conv": {"conv_W:0": kernel, "conv_b:0": bias}, "drop": {}, "flat": {},
              "out": {"out_W:0": matrix, "out_b:0": shift}})  # fmt: skip
    new = h5(
        sequential(
            conv("conv", 3, 5, padding="same", strides=[2, 2]), layer("Flatten", "flat"),
            dense("out", 10, "softmax"), shape=(28, 28, 1),
        ),
        {"conv": {"kernel:0": kernel, "bias:0": bias}, "flat": {},
         "out": {"kernel:0": matrix, "bias:0": shift}},
    )  # fmt: skip
    np.testing.assert_allclose(shares(old), shares(new), atol=1e-6)
    assert kinds(old) == ["conv", "dropout", "flatten"]


def test_channels_that_come_first_only_number_the_weights_differently() -> None:
    settings = {"data_format": "channels_first"}
    config = sequential(
        conv("conv", 3, **settings),
        layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=None, padding="valid", **settings),
        layer("BatchNormalization", "norm", axis=1, epsilon=1e-3),
        layer("Flatten", "flat"), dense("out", 10, "softmax"), shape=(1, 28, 28),
    )  # fmt: skip
    norm = {"gamma:0": drawn(3) + 1, "beta:0": drawn(3, seed=1), "moving_mean:0": drawn(3, seed=2)}
    norm["moving_variance:0"] = drawn(3, seed=3) ** 2 + 1
    weights = {"conv": pair(3, 3, 1, 3), "pool": {}, "norm": norm, "flat": {}, "out": pair(507, 10)}
    found = shares(h5(config, weights))
    first = json.loads(json.dumps(config).replace("channels_first", "channels_last"))
    first["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 28, 28, 1]
    first["config"]["layers"][2]["config"]["axis"] = -1
    last = weights["out"]["kernel:0"].reshape(3, 169, 10).swapaxes(0, 1).reshape(507, 10)
    weights["out"] = {"kernel:0": last, "bias:0": weights["out"]["bias:0"]}
    np.testing.assert_allclose(found, shares(h5(first, weights)), atol=1e-6)


def test_a_description_and_its_weights_in_two_files() -> None:
    whole = small_h5()
    with h5py.File(io.BytesIO(whole)) as file:
        text = str(file.attrs["model_config"]).encode()
    weights = {"flatten": {}, "hidden": pair(784, 5), "out": pair(5, 10)}
    alone = h5(None, weights, root="")
    model = import_model(alone, "weights.h5", some(), description=text, call=here)
    assert model.test_accuracy == import_model(whole, "m.h5", some(), call=here).test_accuracy


# --- weights alone ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["Keras 2", "Keras 3"])
def test_weights_alone_say_what_is_missing_and_open_onto_a_network(form, tmp_path) -> None:
    from keras import Input, layers

    model = built(Input((784,)), layers.Dense(5, "tanh"), layers.Dense(10, "softmax"))
    if form == "Keras 3":
        model.save_weights(tmp_path / "a.weights.h5")
        alone = (tmp_path / "a.weights.h5").read_bytes()
    else:
        named = dict(zip(("a", "b"), model.get_weights()[::2], strict=True))
        biases = model.get_weights()[1::2]
        alone = h5(None, {name: {"kernel:0": kernel, "bias:0": bias}
                          for (name, kernel), bias in zip(named.items(), biases, strict=True)},
                   root="")  # fmt: skip
    with pytest.raises(WeightsAlone, match=r"weights alone.*784×5") as refused:
        import_model(alone, "a.weights.h5", some(), call=here)
    network = parse_network(
        {"layers": [{"kind": "flatten"}, {"kind": "dense", "units": 5, "activation": "tanh"}]}
    )
    assert fits(network, refused.value.shapes)
    likely = likely_networks(refused.value.shapes, 10)
    assert likely["Dense layers of 5, 10 units, tanh"] == network
    taken = import_model(alone, "a", some(), network=network, call=here)
    for one, other in zip(taken.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other)
    other = parse_network({"layers": [{"kind": "flatten"}, {"kind": "dense", "units": 6}]})
    assert not fits(other, refused.value.shapes)
    with pytest.raises(FileRefused, match=r"do not fit.*784×6"):
        import_model(alone, "a", some(), network=other, call=here)


# --- ONNX ---------------------------------------------------------------------------------------


def node(kind: str, *names: str, output: str, **settings: Any) -> Any:
    return helper.make_node(kind, list(names), [output], name=f"{kind}_{output}", **settings)


def pytorch_style() -> tuple[bytes, tuple[int, ...]]:
    """As torch.onnx.export writes a network with padding, a view, and log_softmax."""
    nodes = [
        node("Conv", "x", "k1", "b1", output="a", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", "a", "g", "s", "m", "v", output="n", epsilon=1e-5),
        node("Relu", "n", output="b"),
        node("Conv", "b", "k2", "b2", output="c", pads=[2, 2, 2, 2]),
        node("LeakyRelu", "c", output="d"),
        node("MaxPool", "d", output="e", kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", "e", output="shape"),
        node("Gather", "shape", "zero", output="n0", axis=0),
        node("Unsqueeze", "n0", "axis", output="n1"),
        node("Concat", "n1", "rest", output="target", axis=0),
        node("Reshape", "e", "target", output="f"),
        node("Gemm", "f", "k3", "b3", output="h", transB=1),
        node("LogSoftmax", "h", output="y", axis=1),
    ]
    weights = {"k1": drawn(3, 3, 1, 4).transpose(3, 2, 0, 1), "b1": drawn(4),
               "g": drawn(4) + 1, "s": drawn(4), "m": drawn(4), "v": drawn(4) ** 2 + 1,
               "k2": drawn(5, 5, 4, 3).transpose(3, 2, 0, 1), "b2": drawn(3),
               "k3": drawn(147, 10).T, "b3": drawn(10), "zero": np.array(0),
               "axis": np.array([0]), "rest": np.array([-1])}  # fmt: skip
    return onnx_file(nodes, weights, ("N", 1, 28, 28)), (1, 28, 28)


def cntk_style() -> tuple[bytes, tuple[int, ...]]:
    """As the network in the ONNX model zoo: biases on their own, weights reshaped in the graph."""
    nodes = [
        node("Div", "x", "d255", output="x1"),
        node("Conv", "x1", "k1", output="a", auto_pad="SAME_UPPER", kernel_shape=[5, 5]),
        node("Add", "a", "b1", output="b"),
        node("Relu", "b", output="c"),
        node("MaxPool", "c", output="d", kernel_shape=[3, 3], strides=[3, 3]),
        node("Reshape", "d", "shape", output="e"),
        node("Reshape", "k2", "shape2", output="kernel"),
        node("MatMul", "e", "kernel", output="f"),
        node("Add", "f", "b2", output="y"),
    ]
    weights = {"d255": np.float32(255), "k1": drawn(5, 5, 1, 4).transpose(3, 2, 0, 1),
               "b1": drawn(4)[:, None, None], "shape": np.array([1, 324]),
               "k2": drawn(4, 9, 9, 10), "shape2": np.array([324, 10]),
               "b2": drawn(1, 10)}  # fmt: skip
    return onnx_file(nodes, weights, (1, 1, 28, 28)), (1, 28, 28)


def tf2onnx_style() -> tuple[bytes, tuple[int, ...]]:
    """As tf2onnx writes it: axes go round in front of the first convolution and behind the last."""
    nodes = [
        node("Transpose", "x", output="a", perm=[0, 3, 1, 2]),
        node("Conv", "a", "k1", "b1", output="b"),
        node("Tanh", "b", output="c"),
        node("AveragePool", "c", output="d", kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", "d", output="e", perm=[0, 2, 3, 1]),
        node("Reshape", "e", "shape", output="f"),
        node("MatMul", "f", "k2", output="g"),
        node("Add", "g", "b2", output="h"),
        node("Softmax", "h", output="y", axis=-1),
    ]
    weights = {"k1": drawn(3, 3, 1, 4).transpose(3, 2, 0, 1), "b1": drawn(4),
               "shape": np.array([-1, 676]), "k2": drawn(676, 10), "b2": drawn(10)}  # fmt: skip
    return onnx_file(nodes, weights, ("N", 28, 28, 1)), (28, 28, 1)


@pytest.mark.parametrize("style", [pytorch_style, cntk_style, tf2onnx_style])
def test_onnx_computes_the_same_as_its_own_runtime(style) -> None:
    import onnxruntime

    data, shape = style()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    each = [session.run(None, {"x": image.reshape(1, *shape)})[0] for image in IMAGES]
    expected = np.concatenate(each).astype(np.float64)
    if style is pytorch_style:
        expected = np.exp(expected)
    elif style is cntk_style:
        powers = np.exp(expected - expected.max(1, keepdims=True))
        expected = powers / powers.sum(1, keepdims=True)
    np.testing.assert_allclose(shares(data), expected, atol=2e-5)


ONNX_REFUSED = {
    "a branch": ([node("Relu", "x", output="a"), node("Add", "a", "x", output="y")], "branches"),
    "an unknown kind": ([node("LSTM", "x", "k", "k", output="y")], "LSTM.*cannot show"),
    "two inputs in one": ([node("MatMul", "x", "x", output="y")], "not in this file"),
    "no end": ([node("Flatten", "x", output="z")], "output is not"),
}


@pytest.mark.parametrize("name", ONNX_REFUSED)
def test_onnx_that_is_no_plain_stack_is_refused(name) -> None:
    nodes, words = ONNX_REFUSED[name]
    with pytest.raises(FileRefused, match=words):
        shares(onnx_file(nodes, {"k": drawn(1, 3, 3)}, (1, 1, 28, 28)))


# --- how images were prepared -------------------------------------------------------------------


PREPARED = {
    "0 to 1 best": lambda ink: ink,
    "0 to 255 best": lambda ink: 255 * ink,
    "−1 to 1 best": lambda ink: 2 * ink - 1,
    "−0.5 to 0.5": lambda ink: ink - 0.5,
    "deviation taken out": lambda ink: (ink - 0.1307) / 0.3081,
    "dark ink on light paper": lambda ink: 1 - ink,
    "dark ink on light paper, from 0 to 255": lambda ink: 255 - 255 * ink,
    "dark ink on light paper, from −1 to 1": lambda ink: 1 - 2 * ink,
    "column divided": lambda ink: ink / np.maximum(np.sqrt((ink**2).sum(1, keepdims=True)), 1e-9),
}  # fmt: skip


def loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]).mean())


@pytest.mark.parametrize("words", PREPARED)
def test_the_preparation_is_found_by_trying(words) -> None:
    data = mnist.load()
    count = 3000
    ink = PREPARED[words](mnist.ink(data.x_train[:count])).reshape(count, 784)
    wanted = np.eye(10)[data.y_train[:count]]
    # A linear network that is as sure as it is right, by least squares with a penalty.
    scale = float(np.abs(ink).max())
    rows = np.c_[ink / scale, np.ones(count)]
    solved = np.linalg.solve(rows.T @ rows + 3 * np.eye(785), rows.T @ wanted)
    config = sequential(layer("Flatten", "flatten"), dense("out", 10, "softmax"))
    labels = data.y_train[:count]
    sure = min(range(2, 20, 2), key=lambda factor: loss(factor * rows @ solved, labels))
    kernel, bias = sure * solved[:-1] / scale, sure * solved[-1]
    weights = {"flatten": {}, "out": {"kernel:0": kernel, "bias:0": bias}}
    model = import_model(h5(config, weights), "linear.h5", some(1000), call=here)
    assert words.removesuffix(" best") in model.preparation
    logits = PREPARED[words](mnist.ink(data.x_test[:1000])).reshape(1000, 784) @ kernel + bias
    own = (logits.argmax(1) == data.y_test[:1000]).mean()
    # A network of least squares may read another brightness a little better than its own.
    assert own - 0.002 <= model.test_accuracy <= own + 0.01 and own > 0.7
    assert "nine preparations tried" in model.note and f"{model.test_accuracy:.1%}" in model.note


def test_a_sigmoid_at_the_end_is_explained() -> None:
    model = import_model(small_h5(settings(2, activation="sigmoid")), "s.h5", some(), call=here)
    assert "a separate sigmoid" in model.note
    assert model.poor and "That is low" in model.note


# --- as a run -----------------------------------------------------------------------------------


def test_a_model_becomes_a_run(home) -> None:
    run = as_run(import_model(small_h5(), "a.h5", some(), call=here), "my <model>.h5")
    store = Store()
    kept = store.run(keep(store, run, "local"))
    assert (kept.name, kept.status, kept.step) == ("my <model>", "finished", 0)
    assert "preparations tried" in kept.note
    store.close()


def test_a_model_is_read_in_a_process_of_its_own() -> None:
    model = import_model(small_h5(), "a.h5", some())
    assert model.network.layers[-1].activation == "tanh" and 0 <= model.test_accuracy <= 1


def test_the_shipped_model_comes_in_with_its_accuracy() -> None:
    from mnist_core.drawing.pretrained import MODEL_FOLDER, default_model_card

    data = (MODEL_FOLDER / "default.keras").read_bytes()
    model = import_model(data, "default.keras", call=here)
    assert model.test_accuracy == pytest.approx(default_model_card()["test_accuracy"], abs=1e-4)


def test_a_model_is_for_a_data_set_of_as_many_classes() -> None:
    three = small_h5(lambda c: c["config"]["layers"][2]["config"].update(units=3))
    config = sequential(layer("Flatten", "flatten"), dense("out", 3, "softmax"))
    three = h5(config, {"flatten": {}, "out": pair(784, 3)})
    with pytest.raises(FileRefused, match=r"10 numbers, one a class: it ends in 3"):
        import_model(three, "three.h5", some(), call=here)
    data = bars(test=500)
    digest = from_arrays(data).digest
    run = as_run(import_model(three, "three.h5", data, call=here), "three.h5", digest)
    assert (run.experiment.data, run.experiment.network.classes) == (digest, 3)


# --- what is refused ----------------------------------------------------------------------------


def layers_of(config: dict[str, Any]) -> list[dict[str, Any]]:
    return config["config"]["layers"]


def settings(index: int, **values: Any) -> Any:
    return lambda config: layers_of(config)[index]["config"].update(values)


def described(index: int, **values: Any) -> Any:
    return lambda config: layers_of(config)[index].update(values)


def inside(name: str, class_name: str, **more: Any) -> Any:
    return settings(1, **{name: {"class_name": class_name, "config": {}, **more}})


CODE = {"class_name": "__lambda__", "config": {"code": "4wAAAAAAAA=="}}
STRANGE = {
    "Lambda": (described(1, class_name="Lambda"), "“hidden” contains custom code"),
    "a Lambda inside": (settings(1, activation=CODE), "“hidden” contains custom code"),
    "a custom layer": (described(1, class_name="Mine", module="elsewhere"), "“Mine”, a custom"),
    "a registered layer": (described(1, registered_name="pack>Mine"), "custom object"),
    "an initialiser from outside": (
        inside("kernel_initializer", "system", module="os"), "“system” as its kernel init"),
    "an initialiser that is none": (inside("kernel_initializer", "Dense"), "“Dense” as its"),
    "a regulariser that is none": (inside("kernel_regularizer", "RandomNormal"), "“RandomNormal”"),
    "a constraint that is none": (inside("bias_constraint", "Dense"), "“Dense” as its bias con"),
    "a constraint from outside": (
        inside("kernel_constraint", "MaxNorm", module="evil"), "“MaxNorm” as its"),
    "a function of one's own": (
        settings(1, activation={"class_name": "function", "config": "f", "module": "mine"}),
        "contains custom code"),
    "an unknown layer": (described(1, class_name="LSTM"), r"“hidden” \(LSTM\) is of a type"),
    "an unknown activation": (settings(1, activation="mish"), "“hidden”.*activation mish"),
    "an activation that is a dict": (settings(1, activation={"a": 1}), "activation"),
    "whole numbers": (settings(1, dtype="int8"), "float32"),
    "another input": (settings(0, batch_input_shape=[None, 64, 64, 3]), "input is 64×64×3"),
    "an input that is none": (settings(0, batch_input_shape=["x", "y"]), "input is y"),
    "a list": (lambda c: [c], "description of a Keras model"),
    "no layers": (lambda c: c["config"].update(layers=[]), "no layers"),
    "layers that are text": (lambda c: c["config"].update(layers="x"), "no Sequential"),
    "a layer that is text": (lambda c: c["config"].update(layers=["x"]), "no settings"),
    "a model class": (lambda c: c.update(class_name="Mine"), "custom|no Sequential"),
    "a softmax within": (settings(1, activation="softmax"), "comes after a softmax"),
    "two layers of one name": (settings(1, name="out"), "same name"),
    "no name": (settings(1, name=3), "no name"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_strange_models_are_refused(name) -> None:
    change, words = STRANGE[name]
    with pytest.raises(FileRefused, match=words):
        shares(small_h5(change))


def test_the_classes_of_keras_in_their_places_pass() -> None:
    for name, class_name in (
        ("kernel_initializer", "VarianceScaling"), ("bias_initializer", "zeros"),
        ("kernel_regularizer", "L2"), ("activity_regularizer", "L1L2"),
        ("kernel_constraint", "MaxNorm"), ("bias_constraint", "NonNeg"),
    ):  # fmt: skip
        assert kinds(small_h5(inside(name, class_name))) == ["flatten", "dense"]


def test_a_model_with_branches_is_refused() -> None:
    import keras

    inputs = keras.Input((784,))
    left, right = keras.layers.Dense(5)(inputs), keras.layers.Dense(5)(inputs)
    outputs = keras.layers.Dense(10)(keras.layers.Add()([left, right]))
    config = json.loads(keras.Model(inputs, outputs).to_json())
    with pytest.raises(FileRefused, match=r"\(Add\) takes 2 inputs.*without branches"):
        shares(h5(config, {}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a model file"),
        (b"\x89HDF\r\n\x1a\n" + b"0" * 100, "damaged"),
        (zipped({"a": b"1"}), "holds a, but"),
        (zipped({"archive/data.pkl": b""}), "PyTorch.*onnx"),
        (zipped({"my/saved_model.pb": b""}), "SavedModel"),
        (b"\x80\x04\x95", "pickled"),
        (b"\x1c\x00\x00\x00TFL3", "LiteRT"),
        (b"\x08\x01\x12\x05", "TensorFlow program"),
        (b'{"class_name": "Sequential", "config": {}}', "without its weights"),
        (b'{"a": 1}', "JSON file"),
        (b"\x08\x08\x12\xff\xff\xff", "ONNX file is damaged"),
        (b"PK\x03\x04" + b"0" * 50, "damaged"),
        *(
            (zipped({"config.json": text, "metadata.json": b"{}", "model.weights.h5": b""}), words)
            for text, words in ((b"{", "damaged"), (b'{"a": NaN}', "damaged"),
                                (b"[" * 9000, "damaged"), (b"{}", "damaged|description"))
        ),
        (zipped({"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"",
                 "x.py": b""}), "more than a model"),
    ],
)  # fmt: skip
def test_files_that_are_no_models_are_named(data, words) -> None:
    with pytest.raises(FileRefused, match=words) as refused:
        shares(data)
    assert str(refused.value).endswith(".")


def fan(levels: int, links: int, soft: bool = False) -> Any:
    """Groups that hold one another by hard links, so that there are links ** levels ways."""

    def write(file: h5py.File) -> None:
        below = file.create_group("last")
        for level in range(levels):
            group = file.create_group(f"level_{level}")
            for number in range(links):
                group[f"way_{number}"] = below
            below = group

    return write


def link_outside(file: h5py.File) -> None:
    file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: h5py.File) -> None:
    file["again"] = h5py.SoftLink("/model_weights")


def huge(file: h5py.File) -> None:
    file.create_dataset("zeros", (10**9,), "f4", chunks=True, compression="gzip")


def outside(file: h5py.File) -> None:
    file.create_dataset("outside", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def empty(file: h5py.File) -> None:
    for name in list(file):
        del file[name]


def text_for_weights(file: h5py.File) -> None:
    del file["model_weights/out/out/bias:0"]
    file["model_weights/out/out/bias:0"] = "ten numbers"


def not_numbers(file: h5py.File) -> None:
    file["model_weights/out/out/bias:0"][...] = np.nan


def another_shape(file: h5py.File) -> None:
    del file["model_weights/out/out/bias:0"]
    file["model_weights/out/out/bias:0"] = np.zeros((5, 10))


@pytest.mark.parametrize(
    ("write", "words"),
    [(fan(18, 10), "two names"), (link_outside, "link"), (soft_link, "link"), (huge, "memory"),
     (outside, "plain"), (empty, "no weights|damaged"), (text_for_weights, "plain"),
     (not_numbers, "not numbers"), (another_shape, "fit|cannot be read|weights")],
)  # fmt: skip
def test_strange_weights_are_refused(write, words) -> None:
    stream = io.BytesIO(small_h5())
    with h5py.File(stream, "r+") as file:
        write(file)
    with pytest.raises(FileRefused, match=words):
        import_model(stream.getvalue(), "a.h5", some(20), call=here)


def test_a_hundred_damaged_files_are_a_hundred_sentences() -> None:
    draw = np.random.default_rng(5)
    whole = [small_h5(), cntk_style()[0], pytorch_style()[0]]
    with io.BytesIO() as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("config.json", json.dumps(sequential(dense("out", 10), shape=(784,))))
            archive.writestr("metadata.json", "{}")
            archive.writestr("model.weights.h5", h5(None, {"out": pair(784, 10)}))
        whole.append(stream.getvalue())
    refused = 0
    for number in range(100):
        data = bytearray(whole[number % len(whole)])
        if number % 3:
            for place in draw.integers(0, min(len(data), 3000), 20):
                data[place] = draw.integers(0, 256)
        else:
            data = data[: int(draw.integers(1, len(data)))]
        refused += 1
        with suppress(FileRefused):
            shares(bytes(data), IMAGES[:1])
            refused -= 1
    assert refused > 60


def test_a_process_that_dies_is_a_sentence() -> None:
    def dies(_module, folder, **limits):
        return sandbox.call("mnist_core.no_such_module", folder, **limits)

    with pytest.raises(FileRefused, match="could not be read as a model"):
        import_model(small_h5(), "a.h5", some(20), call=dies)
