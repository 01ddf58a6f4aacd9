"""Model files as other people have them, made by hand: HDF5 of Keras 1 and 2, and ONNX."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    """Weights that keep signals at a size of about 1."""
    generator = np.random.default_rng([seed, *shape])
    size = np.sqrt(2 / max(1, int(np.prod(shape[:-1])))) if len(shape) > 1 else 0.1
    return (size * generator.standard_normal(shape)).astype(np.float32)


def layer(class_name: str, name: str, **settings: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **settings}}


def dense(name: str, units: int, activation: str = "relu", **more: Any) -> dict[str, Any]:
    more = {"use_bias": True, "dtype": "float32"} | more
    return layer("Dense", name, units=units, activation=activation, **more)


def conv(name: str, filters: int, size: int = 3, **more: Any) -> dict[str, Any]:
    settings = {"kernel_size": [size, size], "strides": [1, 1], "padding": "valid",
                "data_format": "channels_last", "dilation_rate": [1, 1], "activation": "relu",
                "use_bias": True}  # fmt: skip
    return layer("Conv2D", name, filters=filters, **settings | more)


def sequential(*layers: dict[str, Any], shape: Sequence[int] | None = (28, 28)) -> dict[str, Any]:
    """The description of Keras 2's Sequential; its first layer says what it reads."""
    if shape is not None:
        layers[0]["config"]["batch_input_shape"] = [None, *shape]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": list(layers)}}


def h5(
    config: Any, weights: dict[str, dict[str, np.ndarray]], root: str = "model_weights"
) -> bytes:
    """An .h5 file of Keras 2: `weights` are each layer's by name ("kernel:0"), in their order."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = "2.4.0"
        inside = file.create_group(root) if root else file
        inside.attrs["layer_names"] = np.array([name.encode() for name in weights])
        for name, arrays in weights.items():
            group = inside.create_group(name)
            names = [f"{name}/{part}".encode() for part in arrays]
            group.attrs["weight_names"] = np.array(names) if names else np.zeros(0)
            for part, array in arrays.items():
                group.create_dataset(f"{name}/{part}", data=array)
    return stream.getvalue()


def pair(*shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A kernel of this shape and its bias, as Keras 2 names them."""
    return {"kernel:0": drawn(*shape, seed=seed), "bias:0": drawn(shape[-1], seed=seed)}


def small_h5(config_change: Any = None, **more: Any) -> bytes:
    """A dense network of five units in an .h5 file, its description changed."""
    config = sequential(
        layer("Flatten", "flatten"), dense("hidden", 5, "tanh"), dense("out", 10, "softmax")
    )
    if config_change is not None:
        config = config_change(config) or config
    weights = {"flatten": {}, "hidden": pair(784, 5), "out": pair(5, 10)}
    return h5(config, weights, **more)


def onnx_file(
    nodes: Sequence[Any], weights: dict[str, np.ndarray], shape: Sequence[Any], ir_version: int = 8
) -> bytes:
    """An ONNX file whose graph goes from "x" to "y"."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=ir_version)
    return model.SerializeToString()
