"""A `.keras` model from elsewhere becomes a run: its layers shown, its weights taken over.

First the description alone is read and put into our own words (`plan`). Only what passes there
is loaded by Keras, in its safe mode and in a process of its own (`load`), where our network is
compared with the original on test images before it is accepted.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_core.base.sandbox import WorkFailed, call, folder_with
from mnist_core.base.untrusted import MEGABYTE, FileRefused, Limits, read_json, read_zip, readable
from mnist_core.data.mnist import Dataset
from mnist_core.experiment.shapes import CLASSES
from mnist_core.experiment.spec import MAX_NAME_LENGTH, MNIST, Experiment
from mnist_core.files.keras_import.plan import Plan, make_plan, without_training
from mnist_core.files.runfile import MAX_NAME, MomentFacts, RunFacts, RunFile

SUFFIX = ".keras"
WHAT = "this model file"
# The largest network here has 5 million weights, 20 MB; an optimiser's state triples that.
LIMITS = Limits(file_bytes=100 * MEGABYTE, unpacked_bytes=120 * MEGABYTE, entries=20)
ENTRIES = {"config.json", "metadata.json", "model.weights.h5"}
MAX_CONFIG = 2 * MEGABYTE


def read_keras(
    data: bytes,
    file_name: str,
    dataset: Dataset,
    call: Callable[..., Any] = call,
    data_name: str = MNIST,
) -> RunFile:
    """The model in a `.keras` file as a finished run with one kept moment.

    It must have as many outputs as `dataset`, which experiments call `data_name`, has classes.
    Raises FileRefused, one sentence, for anything that cannot be shown or is not what it says.
    """
    plan, checked = read_plan(data, len(dataset.classes))
    network = plan.network
    request = {"plan": asdict(plan), "network": json.loads(network.model_dump_json())}
    images = {"x_test": dataset.x_test, "y_test": dataset.y_test}
    with folder_with(request, **images) as folder:
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            for name, content in checked.items():
                archive.writestr(name, content)
        try:
            found = call("mnist_core.files.keras_import.load", folder)
        except WorkFailed as error:
            raise FileRefused(f"This model could not be loaded. {error}") from None
        if found["refused"]:
            raise FileRefused(found["refused"])
        with np.load(folder / "weights.npz", allow_pickle=False) as archive:
            weights = tuple(archive[name] for name in sorted(archive.files))
    title = readable(file_name.removesuffix(SUFFIX)) or "A model from a file"
    experiment = Experiment(network=network, name=title[:MAX_NAME_LENGTH], data=data_name)
    note = (
        f"Imported from a Keras file; how it was trained is not known. It expects {found['range']}."
    )
    facts = RunFacts(
        name=title[:MAX_NAME],
        note=note,
        experiment=experiment.model_dump(mode="json"),
        status="finished",
        precision="float32",
        step=0,
        total_steps=0,
        steps_per_epoch=0,
        epoch=0,
        seconds=0.0,
        test_loss=found["test_loss"],
        test_accuracy=found["test_accuracy"],
        moments=(MomentFacts(step=0, epoch=0.0, val_accuracy=None),),
    )
    nothing = np.zeros(0, np.float32)
    return RunFile(facts, experiment, nothing, nothing, (weights,))


def read_plan(data: bytes, classes: int = CLASSES) -> tuple[Plan, dict[str, bytes]]:
    """What the file says of its layers, and its entries with no more in them than was checked.

    Nothing is loaded. Raises FileRefused.
    """
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        raise FileRefused(
            "This is a model in the old HDF5 form. Load it with Keras 3 and save it again with "
            "model.save(“model.keras”)."
        )
    entries = read_zip(data, LIMITS, WHAT)
    if not entries.keys() >= ENTRIES:
        raise FileRefused("This is not a model file of Keras 3: parts of it are missing.")
    if extra := entries.keys() - ENTRIES:
        raise FileRefused(f"This model file holds more than a model: “{min(extra)[:60]}”.")
    if len(entries["config.json"]) > MAX_CONFIG:
        raise FileRefused("This model file's description is too long.")
    config = without_training(read_json(entries["config.json"], WHAT))
    plan = make_plan(config, classes)
    _ = plan.network  # refuses layers that do not fit together, or are too large
    return plan, entries | {"config.json": json.dumps(config).encode()}
