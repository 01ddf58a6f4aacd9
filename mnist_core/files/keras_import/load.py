"""Load a `.keras` file whose plan has passed, and take its weights over; run by `isolated.call`.

The original decides: our network has to compute the same probabilities on test images.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.errors import first_line
from mnist_core.base.sandbox import answer, request_in
from mnist_core.data import mnist
from mnist_core.files.keras_import.plan import EPSILON

FloatArray = npt.NDArray[np.float32]

TOLERANCE, IMAGES = 1e-4, 1000
MAX_WEIGHT_BYTES = 120_000_000
# What images a model may have been trained on, from ink in [0, 1]: factor and offset.
RANGES = {
    "ink from 0 to 1": (1.0, 0.0),
    "ink from 0 to 255": (255.0, 0.0),
    "ink from −1 to 1": (2.0, -1.0),
    "ink with MNIST’s mean and deviation taken out": (1 / 0.3081, -0.1307 / 0.3081),
}
# A network may read digits nearly as well at another brightness than it was trained on.
AS_GOOD = 0.02
# A factor below this is meant for pixels from 0 to 255.
DIVIDES = 0.02


class _Refused(ValueError):
    """The model is not taken over; the message is a sentence."""


def work(folder: Path) -> None:
    """Write `weights.npz`, or say why the model is refused."""
    request, arrays = request_in(folder)
    try:
        answer(folder, _load(folder, request, arrays))
    except _Refused as error:
        answer(folder, {"refused": str(error)})


def _load(folder: Path, request: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    import keras

    from mnist_core.experiment.spec import parse_network
    from mnist_core.inspection.activations import WeightsError, probe

    _check_hdf5(folder)
    plan = request["plan"]
    try:
        original = keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)
    except Exception as error:
        reason = first_line(error, 200)
        raise _Refused(f"Keras cannot load this model: {reason.rstrip('.')}.") from None
    ink = mnist.ink(arrays["x_test"])
    labels = arrays["y_test"]
    name, expected = _best_range(original, plan, ink[:IMAGES], labels[:IMAGES])
    weights = _weights(original, plan)
    scale, offset = RANGES[name]
    for step in plan["front"]:
        a, b = _affine(original, step)
        scale, offset = a * scale, a * offset + b
    _fold(weights, plan, scale, offset)
    network = probe(parse_network(request["network"]))
    flat = [array.astype(np.float32) for _, arrays_of in weights for array in arrays_of]
    try:
        found = network.probabilities(flat, ink)
    except WeightsError:
        raise _Refused("This model’s weights do not fit the layers it describes.") from None
    difference = float(np.abs(found[:IMAGES] - expected).max())
    if not difference <= TOLERANCE:  # NaN too
        raise _Refused(
            f"Rebuilt here, this model computes something else: its probabilities differ by up "
            f"to {difference:.2g}. It is not taken."
        )
    named: dict[str, Any] = {f"w{index:03d}": array for index, array in enumerate(flat)}
    np.savez(folder / "weights.npz", **named)
    right = found[np.arange(len(labels)), labels]
    return {
        "refused": "",
        "range": name,
        "test_accuracy": float((found.argmax(1) == labels).mean()),
        "test_loss": float(-np.log(np.maximum(right, 1e-12)).mean()),
    }


def _check_hdf5(folder: Path) -> None:
    """Plain float datasets only: no links to other files, no storage outside, no huge ones."""
    import h5py

    path = folder / "given.h5"
    with zipfile.ZipFile(folder / "model.keras") as archive:
        path.write_bytes(archive.read("model.weights.h5"))
    total = 0

    def look(group: Any, depth: int) -> None:
        nonlocal total
        if depth > 20 or len(group) > 1000:
            raise _Refused("This model’s weights are nested too deeply.")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _Refused("This model’s weights hold a link to somewhere else.")
            item = group[name]
            if isinstance(item, h5py.Group):
                look(item, depth + 1)
                continue
            if item.external or item.is_virtual or item.dtype.kind not in "fiu":
                raise _Refused("This model’s weights are not plain arrays of numbers.")
            total += item.nbytes
            if total > MAX_WEIGHT_BYTES:
                raise _Refused("This model’s weights would take too much memory.")

    try:
        with h5py.File(path, "r") as file:
            look(file, 0)
    except (OSError, KeyError, RuntimeError, AttributeError):
        raise _Refused("This model’s weights are damaged.") from None
    finally:
        path.unlink()


def _best_range(
    original: Any, plan: dict[str, Any], ink: FloatArray, labels: npt.NDArray[np.uint8]
) -> tuple[str, FloatArray]:
    """The likeliest range of images that reads as good as the best, and the reading there."""
    shape = tuple(plan["input_shape"])
    readings = {}
    for name, (scale, offset) in RANGES.items():
        images = (ink * np.float32(scale) + np.float32(offset)).reshape(-1, *shape)
        found = np.asarray(original.predict(images, batch_size=250, verbose=0), np.float64)
        if not plan["softmax"]:
            found = np.exp(found - found.max(1, keepdims=True))
            found /= found.sum(1, keepdims=True)
        readings[name] = found.astype(np.float32)
    right = {name: float((found.argmax(1) == labels).mean()) for name, found in readings.items()}
    likely = list(RANGES)
    if any(step[0] == "rescale" and abs(step[1]) < DIVIDES for step in plan["front"]):
        likely[:2] = reversed(likely[:2])  # it divides by 255 itself
    best = next(name for name in likely if right[name] >= max(right.values()) - AS_GOOD)
    return best, readings[best]


def _layer(model: Any, names: list[str]) -> Any:
    for name in names:
        model = model.get_layer(name)
    return model


def _affine(original: Any, step: list[Any]) -> tuple[float, float]:
    """What a layer in front does to a pixel: factor and offset."""
    if step[0] == "rescale":
        return float(step[1]), float(step[2])
    layer = _layer(original, step[1])
    mean, variance = (
        np.asarray(value, np.float64).ravel() for value in (layer.mean, layer.variance)
    )
    if mean.size != 1 or variance.size != 1:
        raise _Refused(
            f"Layer “{layer.name[:40]}” (Normalization) treats pixels differently, which MNIST "
            "Lab cannot show."
        )
    factor = 1 / max(float(np.sqrt(variance[0])), 1e-7)
    return factor, -float(mean[0]) * factor


def _weights(original: Any, plan: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """The weights of each layer in our order, absent biases and the like filled in."""
    found: list[tuple[str, list[Any]]] = []
    for names, facts in plan["weighted"]:
        given = [np.asarray(value, np.float64) for value in _layer(original, names).get_weights()]
        if facts["kind"] == "batch_norm":
            found.append(("batch_norm", _batch_norm(given, facts)))
            continue
        if not facts["bias"]:
            given.append(np.zeros(given[0].shape[-1]))
        found.append((facts["kind"], given))
    return found


def _batch_norm(given: list[Any], facts: dict[str, Any]) -> list[Any]:
    mean, variance = given[-2:]
    rest = given[:-2]
    gamma = rest.pop(0) if facts["scale"] else np.ones_like(mean)
    beta = rest.pop(0) if facts["center"] else np.zeros_like(mean)
    # Another epsilon than ours goes into the variance.
    return [gamma, beta, mean, variance + facts["epsilon"] - EPSILON]


def _fold(
    weights: list[tuple[str, list[Any]]], plan: dict[str, Any], scale: float, offset: float
) -> None:
    """Let the first layer do what is done to the image first: w·(ax + b) = (aw)·x + b·Σw."""
    if (scale, offset) == (1.0, 0.0):
        return
    kinds = [layer["kind"] for layer in plan["layers"]] + ["dense"]
    first = next(kind for kind in kinds if kind not in ("flatten", "dropout"))
    kernel, bias = weights[0][1][:2]
    paddings = [layer["padding"] for layer in plan["layers"] if layer["kind"] == "conv"]
    padded = first == "conv" and paddings[0] == "same" and offset != 0
    if first not in ("dense", "conv") or padded:
        raise _Refused(
            "This model rescales its images in a way that cannot be put into its first layer."
        )
    bias += offset * kernel.sum(axis=tuple(range(kernel.ndim - 1)))
    kernel *= scale
