"""A model from elsewhere becomes a network of this app: Keras's .keras and .h5 files, and ONNX.

The file is read in the sandbox (`work`), layer by layer, and put into this app's own layers
(`stack`); nothing in it is ever made or run. How its images were prepared is found by trying
(`preparations`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.sandbox import ProcessLimits, WorkFailed, call, folder_with
from mnist_core.base.untrusted import FileRefused, readable
from mnist_core.data import mnist
from mnist_core.data.mnist import Dataset
from mnist_core.experiment.layers import UnitNorm
from mnist_core.experiment.spec import (
    MAX_NAME_LENGTH,
    MNIST,
    Experiment,
    NetworkSpec,
    parse_network,
)
from mnist_core.experiment.validation import ExperimentError
from mnist_core.files.model_import.containers import SUFFIXES, open_container, read_config
from mnist_core.files.model_import.preparations import POOR, PREPARATIONS
from mnist_core.files.model_import.stack import PIXELS, RISING
from mnist_core.files.model_import.work import DESCRIPTION, MODEL, WEIGHTS, WeightsAlone
from mnist_core.files.runfile import MAX_NAME, RunFacts, RunFile, SnapshotFacts
from mnist_core.inspection.weights import layer_weights

__all__ = [
    "SUFFIXES",
    "FileRefused",
    "ImportedModel",
    "WeightsAlone",
    "as_run",
    "fits",
    "import_model",
]

PROCESS = ProcessLimits(seconds=180, cpu_seconds=200, memory=2_500_000_000, file_bytes=200_000_000)


@dataclass(frozen=True, eq=False)
class ImportedModel:
    """A foreign model as a network here, with weights float32 in Keras's order.

    The network begins with the preparation of images that the model reads best; `preparation`
    names it. `test_accuracy` and `test_loss` are of the data set's test images.
    """

    network: NetworkSpec
    weights: tuple[npt.NDArray[np.float32], ...]
    test_accuracy: float
    test_loss: float
    preparation: str
    ending: str

    @property
    def poor(self) -> bool:
        """True when even the best preparation gives so little that something must be wrong."""
        return self.test_accuracy < POOR

    @property
    def note(self) -> str:
        """The findings and measurements, in sentences."""
        said = (
            f"Imported from a file; how it was trained is not known. It reads images with "
            f"{self.preparation} best of the {_COUNTS.get(len(PREPARATIONS), len(PREPARATIONS))} "
            f"preparations tried: {self.test_accuracy:.1%} of the test images."
        )
        if self.ending in RISING:
            said += (
                f" In the file each output is a separate {self.ending.replace('_', ' ')}; here the "
                "softmax of the same logits is shown. It predicts the same digit, but its "
                "probabilities add up to 100%."
            )
        if self.poor:
            said += (
                " That is low: its training images were prepared in another way, or it learned "
                "little, or something other than these images."
            )
        return said


_COUNTS = {9: "nine"}


def import_model(
    file: bytes,
    name: str,
    dataset: Dataset | None = None,
    *,
    network: NetworkSpec | None = None,
    description: bytes | None = None,
    call: Callable[..., Any] = call,
) -> ImportedModel:
    """The model in a file, read in a process of its own and measured on test images.

    Args:
        file: The content of a .keras, .h5 or .onnx file.
        name: What the file is called, for sentences.
        dataset: The set whose classes the model tells apart; MNIST unless given.
        network: For a file that holds weights alone: the network that they belong to.
        description: Instead of `network`, Keras's JSON of the layers (`model.to_json()`).
        call: Runs the work; the sandbox unless a test gives another.

    Raises FileRefused, one sentence, for anything that cannot be shown or is not what it says;
    WeightsAlone where only the network is missing.
    """
    data = dataset or mnist.load()
    opened = open_container(file)  # what is no model is told without a process
    if description is not None:
        read_config(description)
    classes = len(data.classes)
    chosen = None if network is None else network.model_dump(mode="json")
    request = {"network": chosen, "classes": classes}
    del opened
    with folder_with(request, x_test=data.x_test, y_test=data.y_test) as folder:
        (folder / MODEL).write_bytes(file)
        if description is not None:
            (folder / DESCRIPTION).write_bytes(description)
        try:
            found = call("mnist_core.files.model_import.work", folder, limits=PROCESS)
        except WorkFailed as error:
            raise FileRefused(
                f"“{readable(name)[:60]}” could not be read as a model. {error}"
            ) from None
        if found["refused"]:
            if found["alone"] is not None:
                raise WeightsAlone(found["refused"], found["alone"])
            raise FileRefused(found["refused"])
        with np.load(folder / WEIGHTS, allow_pickle=False) as archive:
            weights = tuple(archive[name] for name in sorted(archive.files))
    return _prepared(found, weights)


def _prepared(found: dict[str, Any], weights: tuple[npt.NDArray[np.float32], ...]) -> ImportedModel:
    """The network with the preparation of its images in front. Raises FileRefused."""
    inner, outer = found["front"], (found["scale"], found["offset"])
    scale = inner[0] * outer[0]
    offset = inner[0] * outer[1] + inner[1]
    layers: list[Any] = [UnitNorm().model_dump()] if found["unit_norm"] else []
    if not (np.isclose(scale, 1, atol=1e-6) and np.isclose(offset, 0, atol=1e-6)):
        layers.append({"kind": "rescale", "scale": scale, "offset": offset})
    given = found["network"]
    try:
        network = parse_network(given | {"layers": [*layers, *given["layers"]]})
    except ExperimentError as error:
        raise FileRefused(f"This model cannot be shown here. {error}") from None
    shapes = [shape for layer in layer_weights(network) for shape in layer.shapes]
    if [array.shape for array in weights] != shapes:
        raise FileRefused("This model's weights do not fit the layers that it describes.")
    return ImportedModel(
        network,
        weights,
        found["test_accuracy"],
        found["test_loss"],
        found["preparation"],
        found["ending"],
    )


def fits(network: NetworkSpec, shapes: Sequence[tuple[int, ...]]) -> bool:
    """True when weights of these shapes may be those of a network."""
    wanted = [shape for layer in layer_weights(network) for shape in layer.shapes]
    return sorted(wanted) == sorted(shapes)


def likely_networks(shapes: Sequence[tuple[int, ...]], classes: int) -> dict[str, NetworkSpec]:
    """Dense networks that weights of these shapes may belong to, by words for each.

    Nothing but the activation is open where all are dense layers one behind the other.
    """
    kernels = [shape for shape in shapes if len(shape) == 2]
    units, width = [], PIXELS
    while kernels and width != classes:
        following = next((shape for shape in kernels if shape[0] == width), None)
        if following is None:
            return {}
        kernels.remove(following)
        width = following[1]
        units.append(width)
    found = {}
    for activation in ("relu", "sigmoid", "tanh"):
        hidden = [{"kind": "dense", "units": n, "activation": activation} for n in units[:-1]]
        with suppress(ExperimentError):
            network = parse_network({"layers": [{"kind": "flatten"}, *hidden], "classes": classes})
            if fits(network, shapes):
                found[f"Dense layers of {', '.join(map(str, units))} units, {activation}"] = network
    return found


def as_run(model: ImportedModel, file_name: str, data_name: str = MNIST) -> RunFile:
    """An imported model as a finished run with one snapshot, on the data set `data_name`."""
    stem = file_name
    for suffix in (".weights.h5", *(f".{suffix}" for suffix in SUFFIXES)):
        stem = stem.removesuffix(suffix)
    title = readable(stem) or "A model from a file"
    experiment = Experiment(network=model.network, name=title[:MAX_NAME_LENGTH], data=data_name)
    facts = RunFacts(
        name=title[:MAX_NAME],
        note=model.note,
        experiment=experiment.model_dump(mode="json"),
        status="finished",
        precision="float32",
        step=0,
        total_steps=0,
        steps_per_epoch=0,
        epoch=0,
        seconds=0.0,
        test_loss=model.test_loss,
        test_accuracy=model.test_accuracy,
        moments=(SnapshotFacts(step=0, epoch=0.0, val_accuracy=None),),
    )
    nothing = np.zeros(0, np.float32)
    return RunFile(facts, experiment, nothing, nothing, (model.weights,))
