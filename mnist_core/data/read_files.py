"""A data set from files in the forms that people have: read in the sandbox, then checked.

Nothing is unpickled, and every size is known before memory is set aside. What had to be assumed
is said in `Dataset.assumed`, for a person to check before anything is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnist_core.base.sandbox import (
    ProcessLimits,
    WorkFailed,
    answer,
    call,
    folder_with,
    request_in,
)
from mnist_core.base.untrusted import MEGABYTE, FileRefused, readable
from mnist_core.data import mnist, uniform
from mnist_core.data.archives import entries_of_npz, is_note, is_npz, unpacked
from mnist_core.data.array_files import (
    IDX,
    MAT,
    NPY,
    array_part,
    arrays_in_npz,
    idx_part,
    mat_parts,
)
from mnist_core.data.custom import (
    MAX_IMAGES,
    MAX_TITLE,
    PARTS,
    OwnSet,
    class_names,
    from_arrays,
    plain_names,
)
from mnist_core.data.image_files import image_parts, is_image
from mnist_core.data.mnist import Dataset
from mnist_core.data.parts import Array, Part, Role
from mnist_core.data.table_files import PARQUET, csv_parts, parquet_parts
from mnist_core.experiment.class_names import DIGITS
from mnist_core.experiment.shapes import MAX_CLASSES, MIN_CLASSES

MAX_MEGABYTES = 150
MAX_FILES = 5_000
MIN_TRAIN, MIN_TEST, MIN_OF_A_CLASS = 20, 10, 2
# Of a set that comes in one piece, so much of each class is set aside for the test.
TEST_SHARE = 0.15
PROCESS = ProcessLimits(seconds=150, cpu_seconds=120, memory=3_000_000_000, file_bytes=500_000_000)
_RESULT = "dataset.npz"
_ASIDE = f"There was one set: {TEST_SHARE:.0%} of each class became test images."


def read_data(
    files: Sequence[tuple[str, bytes]],
    most: int = MAX_IMAGES,
    *,
    call: Callable[..., Any] = call,
) -> Dataset:
    """Read a data set of one's own, in a process of its own.

    Args:
        files: The files as (name, content), in any form of docs/own-files.md.
        most: The most images that are taken.
        call: Runs the work; the sandbox unless a test gives another.

    Returns:
        Images uint8 [n, 28, 28] and labels; its `assumed` says what was assumed of the files.

    Raises:
        FileRefused: The files are no data set; one sentence.
    """
    _check_sizes(files)
    with folder_with({"names": [name for name, _ in files], "most": most}) as folder:
        for number, (_, data) in enumerate(files):
            (folder / f"file-{number}").write_bytes(data)
        try:
            found = call("mnist_core.data.read_files", folder, limits=PROCESS)
        except WorkFailed as error:
            raise FileRefused(f"These files could not be read as a data set. {error}") from None
        if found["refused"]:
            raise FileRefused(found["refused"])
        with np.load(folder / _RESULT, allow_pickle=False) as archive:
            arrays = {part: archive[part] for part in PARTS}
    return Dataset(
        **arrays,
        name=readable(found["name"])[:MAX_TITLE],
        classes=class_names(found["classes"], len(found["classes"])),
        assumed=tuple(readable(sentence) for sentence in found["assumed"]),
    )


def read_set(files: Sequence[tuple[str, bytes]], most: int = MAX_IMAGES, **more: Any) -> OwnSet:
    """As `read_data`, with the digest that experiments name the set by."""
    return from_arrays(read_data(files, most, **more))


def work(folder: Path) -> None:
    """In the process of its own: write the set, or say why there is none."""
    request, _ = request_in(folder)
    files = [(name, (folder / f"file-{number}").read_bytes())
             for number, name in enumerate(request["names"])]  # fmt: skip
    try:
        found = dataset_in(files, request["most"])
    except FileRefused as error:
        answer(folder, {"refused": str(error)})
        return
    np.savez(folder / _RESULT, **{part: getattr(found, part) for part in PARTS})
    facts = {"name": found.name, "classes": found.classes, "assumed": found.assumed}
    answer(folder, {"refused": ""} | facts)


def _check_sizes(files: Sequence[tuple[str, bytes]]) -> None:
    if not files:
        raise FileRefused("No file was uploaded.")
    if len(files) > MAX_FILES:
        raise FileRefused(
            f"{len(files):,} files exceed the limit of {MAX_FILES:,}. Put them into a zip file."
        )
    if sum(len(data) for _, data in files) > MAX_MEGABYTES * MEGABYTE:
        raise FileRefused(f"These files exceed the limit of {MAX_MEGABYTES} MB.")


# --- which file is what --------------------------------------------------------------------------


def dataset_in(files: Sequence[tuple[str, bytes]], most: int = MAX_IMAGES) -> Dataset:
    """As `read_data`, in this process. Raises FileRefused."""
    _check_sizes(files)
    parts = list(_parts(files))
    names = next((part.names for part in parts if part.images is None and part.names), None)
    pieces = _joined([part for part in parts if part.images is not None or part.labels is not None])
    title = _title(files)
    if _as_saved_here(parts, names):
        return _checked(_plain(pieces), title, names, most, [])
    return _uniform(pieces, title, names, most)


def _parts(files: Sequence[tuple[str, bytes]]) -> Iterator[Part]:
    images: list[tuple[str, bytes]] = []
    for upload, content in files:
        for name, data in unpacked(upload, content):
            if is_image(name, data):
                images.append((name, data))
            elif len(files) > 1 or name != upload or not is_note(name):
                yield from _parts_of(name, data, inside=name != upload)
            else:
                yield from csv_parts(name, data)
    if images:
        yield from image_parts(images)


def _parts_of(name: str, data: bytes, inside: bool) -> Iterator[Part]:
    if data[:4] == b"PK\x03\x04" and is_npz(data):
        yield from arrays_in_npz(name, entries_of_npz(name, data))
    elif data[:3] == IDX:
        yield idx_part(name, data)
    elif data[:6] == NPY:
        from mnist_core.base.untrusted import read_npy

        yield array_part(name, name, read_npy(data, f"“{readable(name)[:60]}”"))
    elif data[:4] == PARQUET:
        yield from parquet_parts(name, data)
    elif data[: len(MAT)] == MAT:
        yield from mat_parts(name, data)
    elif sentence := _named(name, data):
        raise FileRefused(sentence)
    elif not (inside and is_note(name)):
        yield from csv_parts(name, data)


def _named(name: str, data: bytes) -> str:
    """The sentence for what is known and not read here; empty for anything else."""
    what = f"“{readable(name)[:60]}”"
    if data[:1] == b"\x80" and len(data) > 1 and data[1] <= 5:
        return (
            f"{what} is pickled: it holds Python objects, which can execute code when loaded. "
            "Save the arrays with np.savez(“data.npz”, x_train=…, y_train=…, x_test=…, y_test=…)."
        )
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[:6] == b"MATLAB":
        return (
            f"{what} is an HDF5 file, whose arrays can have any names. Save them as .npz "
            "(np.savez), or in MATLAB with save(…, “-v7”)."
        )
    if data[:4] in (b"7z\xbc\xaf", b"Rar!") or data[257:262] == b"ustar":
        return f"{what} is packed in an unsupported format; pack it as a zip file."
    return ""


@dataclass(eq=False)
class _Piece:
    """All images of one role, of several files of one form perhaps, with their labels."""

    images: list[Array] = field(default_factory=list)
    labels: list[Array] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    turned: list[bool] = field(default_factory=list)
    naming: dict[str, str] = field(default_factory=dict)

    def add(self, other: _Piece) -> None:
        """Put another piece's images behind these."""
        for name in ("images", "labels", "said", "turned"):
            getattr(self, name).extend(getattr(other, name))
        self.naming |= other.naming


def _joined(parts: Sequence[Part]) -> dict[Role, _Piece]:
    """Images with their labels, by what they are for. Raises FileRefused."""
    pieces: dict[Role, _Piece] = {}
    left_out: list[str] = []
    for role in ("train", "validation", "test", "all"):
        own = [part for part in parts if part.role == role]
        alone = [part for part in own if part.images is not None and part.labels is None]
        labels = [part for part in own if part.images is None]
        whole = [part for part in own if part.images is not None and part.labels is not None]
        if len(alone) > 1 or len(labels) > 1:
            kind = "images" if len(alone) > 1 else "labels"
            raise FileRefused(f"Two of these files hold {kind} {_for(role)}; leave one out.")
        if alone and labels:
            whole.append(replace(alone[0], labels=labels[0].labels))
        elif alone and role == "test" and any(part.labels is not None for part in parts):
            left_out.append(f"“{readable(alone[0].source)[:60]}” has no labels and was left out.")
        elif alone or labels:
            raise FileRefused(
                f"The {'labels' if alone else 'images'} {_for(role)} are missing: a data set needs "
                "images and a label for each."
            )
        for part in whole:
            pieces.setdefault(role, _Piece()).add(_piece(part))
    if not pieces:
        raise FileRefused("There are no images in these files.")
    next(iter(pieces.values())).said += left_out
    return pieces


def _piece(part: Part) -> _Piece:
    assert part.images is not None and part.labels is not None
    labels, said = uniform.as_labels(part.labels, MAX_CLASSES)
    naming = {str(place): name for place, name in enumerate(part.names or ())}
    return _Piece([part.images], [labels], [*part.said, *said], [part.turned], naming)


def _for(role: Role) -> str:
    return {"train": "for training", "test": "for testing", "all": "of this set",
            "validation": "for validation"}[role]  # fmt: skip


def _as_saved_here(parts: Sequence[Part], names: tuple[str, ...] | None) -> bool:
    """True when this app has saved the file: then nothing is assumed, and it is the same set."""
    arrays = [part.images for part in parts if part.images is not None]
    return (
        bool(names)
        and len(parts) == 5
        and all(
            array.dtype == np.uint8 and array.shape[1:] == (uniform.SIDE, uniform.SIDE)
            for array in arrays
        )
    )


def _plain(pieces: dict[Role, _Piece]) -> dict[str, tuple[Array, Array]]:
    if pieces.keys() != {"train", "test"}:
        raise FileRefused("This data set is damaged: its training or test images are missing.")
    return {role: (piece.images[0], piece.labels[0]) for role, piece in pieces.items()}


# --- MNIST's form --------------------------------------------------------------------------------


def _uniform(
    pieces: dict[Role, _Piece], title: str, names: tuple[str, ...] | None, most: int
) -> Dataset:
    """The set in MNIST's form: grey, 28×28, light ink, in two parts. Raises FileRefused."""
    order = list(pieces.values())
    flat = [array for piece in order for array in piece.images]
    counts = [len(labels) for piece in order for labels in piece.labels]
    if sum(counts) > most:
        raise FileRefused(f"{sum(counts):,} images exceed the limit of {most:,}.")
    images, said = uniform.as_images(flat, counts)
    _check_counts(images, counts)
    lying = [turned for piece in order for turned in piece.turned]
    images = [uniform.turned(array) if turned else array
              for array, turned in zip(images, lying, strict=True)]  # fmt: skip
    if uniform.on_light_paper(np.concatenate([array[:2000] for array in images])):
        images = [255 - array for array in images]
        said.append("Dark ink on light paper was inverted: MNIST has light ink.")
    said = [sentence for piece in order for sentence in piece.said] + said
    whole: dict[str, tuple[Array, Array]] = {}
    for role, piece in pieces.items():
        own, images = images[: len(piece.images)], images[len(piece.images) :]
        whole[role] = np.concatenate(own), _together(piece.labels)
    naming = {number: name for piece in order for number, name in piece.naming.items()}
    found = _checked(_in_two(whole, said), title, names, most, said, naming)
    return _upright(found) if not any(lying) else found


def _check_counts(images: Sequence[Array], counts: Sequence[int]) -> None:
    for array, count in zip(images, counts, strict=True):
        if len(array) != count:
            raise FileRefused(
                f"There are {len(array):,} images, but {count:,} labels; each image needs one."
            )


def _together(labels: Sequence[Array]) -> Array:
    """Labels of several files: as texts unless all are whole numbers."""
    if all(array.dtype.kind == "i" for array in labels):
        return np.concatenate(labels)
    return np.concatenate([array.astype(np.str_) for array in labels])


def _in_two(
    whole: dict[str, tuple[Array, Array]], said: list[str]
) -> dict[str, tuple[Array, Array]]:
    """Images for training and for the test, out of what there is."""
    if "validation" in whole:
        role = "train" if "test" in whole else "test"
        said.append(
            "Validation images were added to the training images." if role == "train"
            else "The validation images became test images."
        )  # fmt: skip
        _move(whole, "validation", role)
    if "all" in whole:
        _move(whole, "all", "train")
    if whole.keys() == {"train", "test"}:
        return whole
    ((images, labels),) = whole.values()
    held = _held(labels)
    said.append(_ASIDE)
    return {"train": (images[~held], labels[~held]), "test": (images[held], labels[held])}


def _move(whole: dict[str, tuple[Array, Array]], source: str, target: str) -> None:
    images, labels = whole.pop(source)
    if target in whole:
        images = np.concatenate([whole[target][0], images])
        labels = _together([whole[target][1], labels])
    whole[target] = images, labels


def _held(labels: Array) -> Array:
    """The images that are set aside for the test: the same ones each time, of each class."""
    held = np.zeros(len(labels), bool)
    draw = np.random.default_rng(mnist.SPLIT_SEED)
    for value in np.unique(labels):
        places = draw.permutation(np.flatnonzero(labels == value))
        held[places[: round(TEST_SHARE * len(places))]] = True
    return held


def _checked(
    whole: dict[str, tuple[Array, Array]],
    title: str,
    names: tuple[str, ...] | None,
    most: int,
    said: Sequence[str],
    naming: dict[str, str] | None = None,
) -> Dataset:
    (x_train, raw_train), (x_test, raw_test) = whole["train"], whole["test"]
    _check_counts([x_train, x_test], [len(raw_train), len(raw_test)])
    if len(x_train) < MIN_TRAIN or len(x_test) < MIN_TEST:
        raise FileRefused(
            f"There are {len(x_train):,} training and {len(x_test):,} test images; at least "
            f"{MIN_TRAIN} and {MIN_TEST} are needed."
        )
    if len(x_train) + len(x_test) > most:
        raise FileRefused(f"{len(x_train) + len(x_test):,} images exceed the limit of {most:,}.")
    if (raw_train.dtype.kind == "i") != (raw_test.dtype.kind == "i"):
        raw_train, raw_test = raw_train.astype(np.str_), raw_test.astype(np.str_)
    classes = uniform.classes_of([raw_train])
    _check_classes(classes, raw_train, raw_test)
    y_train, y_test = (uniform.numbered(raw, classes) for raw in (raw_train, raw_test))
    called = [(naming or {}).get(name, name) for name in classes]
    if names is not None:
        called = list(class_names(names, len(classes)))
    said = tuple(dict.fromkeys(said))
    return Dataset(x_train, y_train, x_test, y_test, title, plain_names(called), said)


def _check_classes(classes: Sequence[str], train: Array, test: Array) -> None:
    if not MIN_CLASSES <= len(classes) <= MAX_CLASSES:
        raise FileRefused(
            f"These images have {len(classes):,} class{'' if len(classes) == 1 else 'es'}; "
            f"a data set needs {MIN_CLASSES} to {MAX_CLASSES}."
        )
    values, counts = np.unique(train, return_counts=True)
    if counts.min() < MIN_OF_A_CLASS:
        raise FileRefused(
            f"Class {readable(str(values[counts.argmin()]))[:40]} has only one training image; "
            f"each class needs at least {MIN_OF_A_CLASS}."
        )
    if len(strange := np.setdiff1d(test, values)):
        raise FileRefused(
            f"Class {readable(str(strange[0]))[:40]} is in the test images, but not in training."
        )


def _upright(found: Dataset) -> Dataset:
    """Digits that lie with rows and columns exchanged are turned, and that is said."""
    if not set(found.classes) <= set(DIGITS) or len(found.classes) < 5:
        return found
    ours = mnist.load()
    averages = np.stack([ours.x_train[ours.y_train == digit][:2000].mean(0) for digit in range(10)])
    digits = np.array([int(name) for name in found.classes])[found.y_test]
    if not uniform.lie_turned(found.x_test, digits, averages.astype(np.float32)):
        return found
    said = "The digits were stored transposed, as in EMNIST: they were turned."
    return replace(
        found,
        x_train=uniform.turned(found.x_train),
        x_test=uniform.turned(found.x_test),
        assumed=(*found.assumed, said),
    )


def _title(files: Sequence[tuple[str, bytes]]) -> str:
    """The first title of a set: its file's name; several files have no common name."""
    if len(files) != 1:
        return "My data"
    stem = files[0][0].replace("\\", "/").rsplit("/", 1)[-1]
    for suffix in (".gz", ".zip", ".npz", ".npy", ".csv", ".parquet", ".mat", ".arff"):
        stem = stem.removesuffix(suffix)
    return readable(stem)[:MAX_TITLE] or "My data"
