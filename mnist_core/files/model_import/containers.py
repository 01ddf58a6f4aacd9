"""The forms in which models are saved, told by their first bytes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Literal

from mnist_core.base.untrusted import MEGABYTE, FileRefused, Limits, read_json, read_zip, readable

Form = Literal["keras", "hdf5", "onnx"]

HDF5 = b"\x89HDF\r\n\x1a\n"
SUFFIXES = ("keras", "h5", "hdf5", "onnx")
WHAT = "this model file"
# The largest network here has 5 million weights, 20 MB; an optimiser's state triples that.
LIMITS = Limits(file_bytes=100 * MEGABYTE, unpacked_bytes=120 * MEGABYTE, entries=20)
MAX_CONFIG = 2 * MEGABYTE
_KERAS_ENTRIES = {"config.json", "metadata.json", "model.weights.h5"}
# From this version on; TensorFlow's SavedModel begins in the same way, with version 1.
_FIRST_ONNX_VERSION, _LAST_ONNX_VERSION = 3, 40
_NO_CODE = "It holds Python objects, which can execute code when loaded. "
_TO_KERAS = "Load it where it was made and save it with model.save(“model.keras”)."
_TO_ONNX = "Export it there with torch.onnx.export(model, example, “model.onnx”)."


@dataclass(frozen=True)
class ModelFile:
    """A model file taken apart.

    `config` is Keras's description of the layers, None where the file does not hold it apart
    from its weights. `content` is the HDF5 file with the weights, or the ONNX file.
    """

    form: Form
    content: bytes
    config: Any = field(default=None)


def open_container(data: bytes) -> ModelFile:
    """The parts of a model file, nothing of it interpreted yet. Raises FileRefused."""
    if len(data) > LIMITS.file_bytes:
        raise FileRefused(
            f"This model file is {len(data) // MEGABYTE:,} MB; at most "
            f"{LIMITS.file_bytes // MEGABYTE} MB are read. Without the optimiser's state it is "
            "a third of that: model.save(“model.keras”, include_optimizer=False)."
        )
    if data[:8] == HDF5:
        return ModelFile("hdf5", data)
    if data[:4] == b"PK\x03\x04":
        return _open_zip(data)
    if data[:1] == b"\x08" and _FIRST_ONNX_VERSION <= _second(data) <= _LAST_ONNX_VERSION:
        return ModelFile("onnx", data)
    raise FileRefused(_named(data))


def read_config(text: bytes) -> Any:
    """Keras's description of a model, as JSON. Raises FileRefused."""
    if len(text) > MAX_CONFIG:
        raise FileRefused("This model file's description is too long.")
    return read_json(text, WHAT)


def _open_zip(data: bytes) -> ModelFile:
    names = _entry_names(data)
    for part, sentence in _OTHER_ZIPS.items():
        if any(name == part or name.endswith(f"/{part}") for name in names):
            raise FileRefused(sentence)
    if not names >= _KERAS_ENTRIES:
        inside = readable(", ".join(sorted(names)[:3]))[:90] or "nothing"
        raise FileRefused(
            f"This zip file is not a Keras model: it holds {inside}, but a .keras file holds "
            "config.json, metadata.json and model.weights.h5. Upload the model file itself."
        )
    entries = read_zip(data, LIMITS, WHAT)
    if extra := entries.keys() - _KERAS_ENTRIES:
        raise FileRefused(f"This model file holds more than a model: “{min(extra)[:60]}”.")
    return ModelFile("keras", entries["model.weights.h5"], read_config(entries["config.json"]))


def _entry_names(data: bytes) -> set[str]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return set(archive.namelist()[:1000])
    except Exception:  # the directory of a damaged zip file fails in many ways
        raise FileRefused("This model file is damaged: it cannot be unpacked.") from None


_OTHER_ZIPS: Mapping[str, str] = {
    "data.pkl": f"This is a PyTorch model. {_NO_CODE}{_TO_ONNX}",
    "saved_model.pb": "This is TensorFlow's SavedModel, a folder with a program in it, which is "
    f"not run here. {_TO_KERAS}",
    "model.json": f"This is a TensorFlow.js model. {_TO_KERAS}",
}


def _named(data: bytes) -> str:
    """The sentence for what is no form that is read here."""
    if data[4:8] == b"TFL3":
        return f"This is a LiteRT (TensorFlow Lite) model, made for phones. {_TO_KERAS}"
    if data[:1] == b"\x80" and _second(data) <= 5:
        return f"This is a pickled model. {_NO_CODE}{_TO_KERAS} From PyTorch: {_TO_ONNX}"
    if data[:2] == b"\x08\x01" or data[:1] == b"\n":
        return f"This is a TensorFlow program (.pb), which is not run here. {_TO_KERAS}"
    if data[:6] == b"\x93NUMPY":
        return "This is a NumPy array, not a model. Upload the model's own file."
    if data[:1] in (b"{", b"["):
        return _about_json(data)
    return (
        "This is not a model file that this app can read. It reads Keras's .keras and .h5, and "
        ".onnx; other frameworks can export to ONNX."
    )


def _about_json(data: bytes) -> str:
    try:
        found = json.loads(data[:MAX_CONFIG])
        keras = isinstance(found, dict) and {"class_name", "config"} <= found.keys()
    except (ValueError, RecursionError):
        keras = False
    if keras:
        return (
            "This is the description of a Keras model without its weights. Upload it together "
            "with the file of its weights (.h5)."
        )
    return "This is a JSON file, not a model. Upload the model's own file."


def _second(data: bytes) -> int:
    return data[1] if len(data) > 1 else 255
