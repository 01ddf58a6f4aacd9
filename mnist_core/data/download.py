"""Fashion-MNIST by Keras's own loader, in a process of its own: the network may hang or lie.

Keras 3 loads no other set of MNIST's form; KMNIST comes by its files. What arrives is checked as
if a person had brought it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnist_core.base.errors import first_line
from mnist_core.base.sandbox import WorkFailed, answer, call, folder_with, request_in
from mnist_core.base.untrusted import FileRefused
from mnist_core.data.custom import KNOWN_NAMES, MAX_IMAGES, OwnSet, from_arrays
from mnist_core.data.read_files import dataset_in

TITLE = "Fashion-MNIST"
SECONDS = 120
_FILE = "fetched.npz"


def fetch(call: Callable[..., Any] = call, most: int = MAX_IMAGES) -> OwnSet:
    """Load it; takes as long as the network does. Raises FileRefused, a sentence, when it fails."""
    with folder_with({}) as folder:
        try:
            found = call("mnist_core.data.download", folder, SECONDS)
        except WorkFailed as error:
            raise FileRefused(_failed(str(error))) from None
        if found["problem"]:
            raise FileRefused(_failed(found["problem"]))
        found = dataset_in([(f"{TITLE}.npz", (folder / _FILE).read_bytes())], most)
    from dataclasses import replace

    return from_arrays(replace(found, assumed=(), name=TITLE, classes=KNOWN_NAMES[TITLE]))


def _failed(why: str) -> str:
    return (
        f"{TITLE} could not be loaded: there seems to be no network connection ({why.rstrip('.')})."
        " Download its four files elsewhere and add them here."
    )


def work(folder: Path) -> None:
    """In the process of its own: write the set, or say why not."""
    import keras
    import numpy as np

    request_in(folder)
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # Keras and the system's network raise many kinds
        reason = first_line(error)
        answer(folder, {"problem": reason.rpartition(" -- ")[2][:200]})
        return
    parts = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    np.savez_compressed(folder / _FILE, **parts)
    answer(folder, {"problem": ""})
