"""A foreign model taken over and measured: what the sandbox runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_core.base.sandbox import answer, request_in
from mnist_core.base.untrusted import FileRefused
from mnist_core.data import mnist
from mnist_core.experiment.spec import NetworkSpec, parse_network
from mnist_core.files.model_import.containers import ModelFile, open_container, read_config
from mnist_core.files.model_import.stack import RISING, Taken

MODEL, DESCRIPTION, WEIGHTS = "model.bin", "description.json", "weights.npz"


class WeightsAlone(FileRefused):
    """A file that holds weights of these `shapes` without the layers that they belong to."""

    def __init__(self, message: str, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__(message)
        self.shapes = tuple(tuple(shape) for shape in shapes)


def work(folder: Path) -> None:
    """Write `weights.npz`, or say why the model is refused."""
    request, arrays = request_in(folder)
    try:
        answer(folder, _read(folder, request, arrays))
    except FileRefused as error:
        answer(folder, {"refused": str(error), "alone": getattr(error, "shapes", None)})


def _read(folder: Path, request: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    file = open_container((folder / MODEL).read_bytes())
    chosen = request["network"] and parse_network(request["network"])
    described = None
    if (folder / DESCRIPTION).exists():
        described = read_config((folder / DESCRIPTION).read_bytes())
    taken = take_file(file, request["classes"], chosen, described)
    measured = _measured(taken, arrays)
    named: dict[str, Any] = {f"w{at:03d}": array for at, array in enumerate(taken.weights)}
    np.savez(folder / WEIGHTS, **named)
    preparation = measured.preparation
    return {
        "refused": "",
        "network": json.loads(taken.network.model_dump_json()),
        "front": list(taken.front),
        "ending": taken.ending,
        "preparation": preparation.words,
        "scale": preparation.scale,
        "offset": preparation.offset,
        "unit_norm": preparation.unit_norm,
        "test_accuracy": measured.accuracy,
        "test_loss": measured.loss,
    }


def take_file(
    file: ModelFile, classes: int, chosen: NetworkSpec | None = None, described: Any = None
) -> Taken:
    """The network in a file; `chosen` or `described` say it where the file does not."""
    if file.form == "onnx":
        from mnist_core.files.model_import.onnx_graph import take_onnx

        return take_onnx(file.content, classes)
    from mnist_core.files.model_import.hdf5 import config_of, open_hdf5, shapes_in, shapes_words
    from mnist_core.files.model_import.keras_config import read_model
    from mnist_core.files.model_import.keras_layers import take_keras
    from mnist_core.files.model_import.keras_weights import arrays_for, weights_in

    with open_hdf5(file.content) as opened:
        config = file.config if file.config is not None else config_of(opened)
        config = described if config is None else config
        if config is not None:
            model = read_model(config)
            return take_keras(model, weights_in(opened, model), classes)
        if chosen is None:
            raise WeightsAlone(
                "This file holds weights alone: it does not say which layers they belong to. "
                "Choose a network of the same shape for them, or save the whole model with "
                f"model.save(“model.keras”). The weights are {shapes_words(shapes_in(opened))}.",
                shapes_in(opened),
            )
        arrays = tuple(array.astype(np.float32) for array in arrays_for(opened, chosen))
        return Taken(chosen, arrays, "softmax", (1.0, 0.0), ())


def _measured(taken: Taken, arrays: dict[str, Any]) -> Any:
    """The model's accuracy, prepared in the way that suits it best."""
    from mnist_core.files.model_import.preparations import best
    from mnist_core.inspection.activations import WeightsError, probe

    network = probe(taken.network)
    scale, offset = (np.float32(value) for value in taken.front)

    def read(images: Any) -> Any:
        prepared = images * scale + offset
        if taken.ending in RISING:  # each output for itself, so that they do not add up to 1
            logits = network.output(taken.weights, prepared, "logits").astype(np.float64)
            shares = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
            return shares / np.maximum(shares.sum(1, keepdims=True), 1e-30)
        return network.probabilities(taken.weights, prepared)

    try:
        cost = sum(row.multiplications for row in taken.network.shapes())
        return best(read, mnist.ink(arrays["x_test"]), arrays["y_test"], cost)
    except WeightsError:
        raise FileRefused("This model's weights do not fit the layers that it describes.") from None
