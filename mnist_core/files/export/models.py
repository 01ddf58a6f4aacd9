"""A network at a moment as a file for other programs, checked before it is offered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.sandbox import WorkFailed, call, folder_with
from mnist_core.experiment.spec import NetworkSpec

# How far a reloaded file's probabilities may be from the app's, on so many test images.
TOLERANCE, IMAGES = 1e-4, 1000


@dataclass(frozen=True)
class Format:
    """A kind of file: how it is called, its suffix, and who reads it."""

    title: str
    suffix: str
    readers: str


FORMATS = {
    "keras": Format("Keras", ".keras", "keras.models.load_model, in Python"),
    "onnx": Format("ONNX", ".onnx", "ONNX Runtime, in many languages and in the browser"),
    "litert": Format("LiteRT", ".tflite", "LiteRT (TensorFlow Lite), on phones and small devices"),
}


@dataclass(frozen=True)
class ModelFile:
    """A converted network.

    `difference` is the largest between the reloaded file's probabilities and the app's,
    `digits_changed` how many images it reads otherwise; both None when `problem`, a sentence,
    says why there is no file. `data` is empty unless the file may be offered.
    """

    format: str
    data: bytes
    difference: float | None
    digits_changed: int | None
    seconds: float
    problem: str = ""

    @property
    def offered(self) -> bool:
        """True when the reloaded file computes what the app computes."""
        return not self.problem


def convert(
    network: NetworkSpec,
    weights: Sequence[npt.NDArray[Any]],
    images: npt.NDArray[np.uint8],
    formats: Sequence[str] = tuple(FORMATS),
    call: Callable[..., Any] = call,
) -> tuple[ModelFile, ...]:
    """The network in each format, made and compared in a process of its own.

    `weights` are in Keras's order, `images` uint8 [n, 28, 28] those to compare on. A format that
    fails says so in its `problem`. Raises WorkFailed when the whole work came to nothing.
    """
    if not all(np.isfinite(weight).all() for weight in weights):
        raise WorkFailed(
            "The weights of this checkpoint are not numbers: the run had diverged. Choose an "
            "earlier checkpoint."
        )
    arrays = {f"w{index:03d}": np.asarray(weight) for index, weight in enumerate(weights)}
    request = {"network": json.loads(network.model_dump_json()), "formats": list(formats)}
    with folder_with(request, images=images, **arrays) as folder:
        answers = call("mnist_core.files.export.convert", folder)
        return tuple(
            _judged(name, answers[name], (folder / f"model{FORMATS[name].suffix}"))
            for name in formats
        )


def _judged(name: str, answer: dict[str, Any], path: Any) -> ModelFile:
    problem, difference = answer["problem"], answer["difference"]
    title = FORMATS[name].title
    if problem:
        problem = f"{title} cannot hold this network: {problem}"
    elif not difference <= TOLERANCE:  # NaN too
        problem = (
            f"The {title} file gives other results: its probabilities differ by up to "
            f"{difference:.2g}, more than the {TOLERANCE:g} allowed. It is not offered."
        )
    return ModelFile(
        name,
        b"" if problem else path.read_bytes(),
        difference,
        answer["digits_changed"],
        answer["seconds"],
        problem,
    )
