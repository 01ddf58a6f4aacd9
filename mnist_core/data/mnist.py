"""MNIST as it ships in `data/mnist.npz`, checked against its authors' checksums, and splits."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.errors import AppError
from mnist_core.base.paths import REPOSITORY
from mnist_core.data.shared_arrays import kept, let_go, shared
from mnist_core.experiment.class_names import DIGITS

if TYPE_CHECKING:
    from mnist_core.experiment.spec import Experiment, TrainingSpec

MNIST_FILE = REPOSITORY / "data" / "mnist.npz"
# MD5 of the four IDX files as their authors published them (see data/README.md).
CHECKSUMS = {
    "x_train": "6bbc9ace898e44ae57da46a324031adb",
    "y_train": "a25bea736e30d166cdddb491f175f624",
    "x_test": "2646ac647ad5339dbf082846283269ea",
    "y_test": "27ae3e4e09519cfbb04c329615203637",
}
# One split for all runs, whatever their seed, so that their validation curves compare.
SPLIT_SEED = 0

ByteArray = npt.NDArray[np.uint8]


class DatasetError(AppError):
    """The data cannot be used; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images uint8 [n, 28, 28] (0 is paper, 255 full ink) and labels uint8 [n] in 0..k − 1.

    `classes` are the names of the k classes: MNIST's ten digits, or those of a set of one's own.
    `assumed` says, in sentences, what was assumed when the images were read from files.
    """

    x_train: ByteArray
    y_train: ByteArray
    x_test: ByteArray
    y_test: ByteArray
    name: str = "MNIST"
    classes: tuple[str, ...] = DIGITS
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Split:
    """The images and labels that one run trains and validates on; same forms as in `Dataset`."""

    x_train: ByteArray
    y_train: ByteArray
    x_val: ByteArray
    y_val: ByteArray


def load(path: Path | None = None) -> Dataset:
    """MNIST's 60,000 training and 10,000 test images, read once a process.

    Args:
        path: The file; `data/mnist.npz` unless given.

    Returns:
        Images uint8 [n, 28, 28], 0 black and 255 full ink, and labels uint8 [n].

    Raises:
        DatasetError: The file is missing, damaged or not MNIST; one sentence.
    """
    return _load(path or MNIST_FILE)


# Its name in `mnist_core`, where `load` alone would not say what.
load_mnist = load


def fitting(experiment: Experiment, dataset: Dataset | None) -> Dataset:
    """The data set to train on: MNIST when none is given. Raises DatasetError when it is another.

    Of a set of one's own it is taken on trust that it is the one which the experiment names.
    """
    if dataset is None:
        if experiment.data != "mnist":
            raise DatasetError("This experiment needs its custom data set, which was not given.")
        return load()
    if len(dataset.classes) != experiment.network.classes:
        raise DatasetError(
            f"The network has {experiment.network.classes} classes, but {dataset.name} has "
            f"{len(dataset.classes)}."
        )
    return dataset


@lru_cache(maxsize=2)
def _load(path: Path) -> Dataset:
    arrays = _mapped() or _unpacked(path)
    for array in arrays.values():
        array.flags.writeable = False  # shared by everything in this process
        let_go(array)
    return Dataset(**arrays)


def _mapped() -> dict[str, Any]:
    """The arrays as another process of this server has left them; empty where none has."""
    arrays = {}
    for name, expected in CHECKSUMS.items():
        array = kept(_file_name(name))
        if array is None or idx_md5(array) != expected:
            return {}
        arrays[name] = array
    return arrays


def _unpacked(path: Path) -> dict[str, Any]:
    remedy = "Restore it with “git checkout data/mnist.npz”, or reinstall the app."
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in CHECKSUMS}
    except FileNotFoundError:
        raise DatasetError(f"The data file {path.name} is missing. {remedy}") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise DatasetError(f"The data file {path.name} is damaged. {remedy}") from None
    for name, expected in CHECKSUMS.items():
        if idx_md5(arrays[name]) != expected:
            raise DatasetError(
                f"The data file {path.name} is damaged: the checksum of its {name} is wrong. "
                f"{remedy}"
            )
    return {name: shared(_file_name(name), array) for name, array in arrays.items()}


def _file_name(name: str) -> str:
    return f"mnist-{CHECKSUMS[name]}"


def ink(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Images as networks take them: float32 in [0, 1] of the same shape, 1 full ink."""
    return images.astype(np.float32) / np.float32(255)


def idx_md5(array: npt.NDArray[Any]) -> str:
    """MD5 of a uint8 array written as an IDX file: magic number, sizes (big-endian), bytes."""
    if array.dtype != np.uint8:
        return ""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    header += struct.pack(f">{array.ndim}I", *array.shape)
    digest = hashlib.md5(header, usedforsecurity=False)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def split(dataset: Dataset, training: TrainingSpec) -> Split:
    """Set aside the validation images, then limit the training images.

    The order comes from a generator seeded with `SPLIT_SEED`: the same images in every run.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(dataset.x_train))
    held = round(len(order) * training.validation_share)
    validation, rest = order[:held], order[held : held + (training.training_images or len(order))]
    copied = Split(
        dataset.x_train[rest],
        dataset.y_train[rest],
        dataset.x_train[validation],
        dataset.y_train[validation],
    )
    let_go(dataset.x_train)
    return copied
