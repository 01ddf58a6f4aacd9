"""The conversions themselves, each followed by a reading of the file; run by `sandbox.call`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.errors import first_line
from mnist_core.base.sandbox import answer, request_in

FloatArray = npt.NDArray[np.float32]


def work(folder: Path) -> None:
    """Write `model.keras`, `model.onnx` and `model.tflite`, as far as they are asked for."""
    from mnist_core.experiment.spec import parse_network
    from mnist_core.inspection.activations import as_batch, probe
    from mnist_core.model.build import build_model

    request, arrays = request_in(folder)
    network = parse_network(request["network"])
    weights = [arrays[name] for name in sorted(arrays) if name != "images"]
    images = as_batch(arrays["images"] / np.float32(255))
    expected = probe(network).probabilities(weights, images)
    model = build_model(network)
    model.set_weights(weights)
    model(images[:1])  # the ONNX converter asks for a model that has been called
    answers: dict[str, Any] = {}
    for name in request["formats"]:
        convert, read, suffix = CONVERTERS[name]
        answers[name] = _compare(model, folder / f"model{suffix}", convert, read, images, expected)
    answer(folder, answers)


def _compare(
    model: Any,
    path: Path,
    convert: Callable[[Any, Path], None],
    read: Callable[[Path, FloatArray], FloatArray],
    images: FloatArray,
    expected: FloatArray,
) -> dict[str, Any]:
    started = time.perf_counter()
    difference = digits = None
    problem = ""
    try:
        convert(model, path)
        found = read(path, images)
        difference = float(np.abs(found - expected).max())
        digits = int((found.argmax(1) != expected.argmax(1)).sum())
    except Exception as error:  # converters raise many kinds; one format must not end the others
        problem = first_line(error)
    return {
        "difference": difference,
        "digits_changed": digits,
        "problem": problem,
        "seconds": time.perf_counter() - started,
    }


def _to_keras(model: Any, path: Path) -> None:
    model.save(path)


def _read_keras(path: Path, images: FloatArray) -> FloatArray:
    import keras

    return keras.models.load_model(path, compile=False).predict(images, verbose=0)


def _to_onnx(model: Any, path: Path) -> None:
    _teach_tf2onnx_erfc()
    model.export(path, format="onnx", verbose=False)


def _teach_tf2onnx_erfc() -> None:
    """GELU in Keras is computed from TensorFlow's Erfc, for which the converter has no rule.

    erfc(x) = 1 − erf(x), and ONNX has Erf.
    """
    from tf2onnx.handler import tf_op

    class Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_more: Any) -> None:
            shapes, types = node.output_shapes, node.output_dtypes
            graph.remove_node(node.name)
            erf = graph.make_node("Erf", [node.input[0]], shapes=shapes, dtypes=types)
            one = graph.make_const(f"{node.name}_one", np.array(1, np.float32))
            graph.make_node(
                "Sub",
                [one.output[0], erf.output[0]],
                name=node.name,
                outputs=node.output,
                shapes=shapes,
                dtypes=types,
            )

    tf_op("Erfc")(Erfc)


def _read_onnx(path: Path, images: FloatArray) -> FloatArray:
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Microsoft's build for Windows has some
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def _to_litert(model: Any, path: Path) -> None:
    model.export(path, format="litert", verbose=False)


def _read_litert(path: Path, images: FloatArray) -> FloatArray:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(path))
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(source["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(result["index"])


CONVERTERS = {
    "keras": (_to_keras, _read_keras, ".keras"),
    "onnx": (_to_onnx, _read_onnx, ".onnx"),
    "litert": (_to_litert, _read_litert, ".tflite"),
}
