"""Arrays and texts from an HDF5 file of unknown origin, each looked at before it is read.

Links to other files, data stored outside, objects that are reached in two ways, and sizes beyond
what a network here can have are refused before anything is read. Runs in the sandbox: the HDF5
library is native code.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from mnist_core.base.untrusted import FileRefused
from mnist_core.files.model_import.containers import MAX_CONFIG, read_config

MAX_OBJECTS, MAX_DEPTH = 20_000, 25
MAX_BYTES = 120_000_000
_READABLE_FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_LZF,
}

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hdf5:
    r"""An open file that has passed; paths are as "model_weights/dense/kernel:0".

    `datasets` and `groups` say what each path is called in the file: Keras on Windows has
    written "layers\dense".
    """

    file: h5py.File
    datasets: Mapping[str, str]
    groups: Mapping[str, str]

    def array(self, path: str) -> Array:
        """A dataset's numbers. Raises FileRefused when it holds no numbers."""
        if path not in self.datasets:
            raise FileRefused("This model's weights are damaged: one is missing.")
        dataset = self.file[self.datasets[path]]
        _check_numbers(dataset)
        return np.asarray(dataset[()], np.float64)

    def text(self, group: str, name: str) -> str | None:
        """An attribute that is one text; None where there is none. Raises FileRefused."""
        value = self._attribute(group, name)
        if value is None:
            return None
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        return value if isinstance(value, str) else None

    def texts(self, group: str, name: str) -> list[str]:
        """A list of texts; long ones are cut into "name0", "name1", … by Keras."""
        parts = self._attribute(group, name)
        found = [] if parts is None else list(np.ravel(parts))
        at = 0
        while (more := self._attribute(group, f"{name}{at}")) is not None and at < 1000:
            found += list(np.ravel(more))
            at += 1
        return [
            one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in found
        ]

    def _attribute(self, group: str, name: str) -> Any:
        where = self.file[self.groups[group]] if group else self.file
        if name not in where.attrs:
            return None
        found = h5py.h5a.open(where.id, name.encode())
        if math.prod(found.shape) * found.dtype.itemsize > MAX_CONFIG:
            raise FileRefused("This model file's description is too long.")
        return where.attrs[name]


@contextmanager
def open_hdf5(content: bytes) -> Iterator[Hdf5]:
    """The file, once all of it has been looked at. Raises FileRefused.

    Whatever the library makes of a damaged file while it is open becomes a FileRefused, too.
    """
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield _walk(file)
    except FileRefused:
        raise
    except Exception:  # h5py's own errors are of many kinds, none of which helps
        raise FileRefused("This model's weights are damaged: they cannot be read.") from None


def config_of(file: Hdf5) -> Any:
    """The description of the layers that Keras keeps beside the weights; None without one."""
    text = file.text("", "model_config")
    return None if text is None else read_config(text.encode())


def _walk(file: h5py.File) -> Hdf5:
    datasets: dict[str, str] = {}
    groups: dict[str, str] = {}
    seen: set[int] = set()
    waiting: list[tuple[h5py.Group, str, int]] = [(file, "", 0)]
    while waiting:
        group, path, depth = waiting.pop()
        if depth > MAX_DEPTH or len(group) > MAX_OBJECTS:
            raise FileRefused("This model's weights are nested too deeply.")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise FileRefused("This model's weights contain an external link.")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise FileRefused("This model's weights hold one object under two names.")
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise FileRefused(f"This model file holds more than {MAX_OBJECTS:,} objects.")
            inner = f"{path}{name}"
            if isinstance(item, h5py.Group):
                groups[_plain(inner)] = inner
                waiting.append((item, f"{inner}/", depth + 1))
            elif isinstance(item, h5py.Dataset):
                _check_stored(item)
                datasets[_plain(inner)] = inner
    return Hdf5(file, datasets, groups)


def _plain(path: str) -> str:
    return path.replace("\\", "/").replace("_layer_checkpoint_dependencies/", "layers/")


def _check_stored(dataset: h5py.Dataset) -> None:
    """Kept in this file, in a size that a network here can have."""
    if dataset.external or dataset.is_virtual:
        raise FileRefused("This model's weights are not plain arrays of numbers.")
    if dataset.nbytes > MAX_BYTES:
        raise FileRefused("This model's weights would take too much memory.")


def _check_numbers(dataset: h5py.Dataset) -> None:
    settings = dataset.id.get_create_plist()
    filters = {settings.get_filter(index)[0] for index in range(settings.get_nfilters())}
    chunk = int(np.prod(dataset.chunks or (0,), dtype=np.float64)) * dataset.dtype.itemsize
    if dataset.dtype.kind not in "fiu" or not filters <= _READABLE_FILTERS or chunk > MAX_BYTES:
        raise FileRefused("This model's weights are not plain arrays of numbers.")


def shapes_in(file: Hdf5) -> list[tuple[int, ...]]:
    """The shapes of all weights, those of an optimiser left out."""
    return [
        file.file[inner].shape
        for path, inner in sorted(file.datasets.items())
        if "optimizer" not in path and "metrics" not in path and file.file[inner].shape
    ]


def shapes_words(shapes: Sequence[tuple[int, ...]]) -> str:
    """Shapes for a sentence: "784×32, 32"."""
    words = ["×".join(map(str, shape)) for shape in shapes]
    return ", ".join(words[:8]) + (", …" if len(words) > 8 else "")
