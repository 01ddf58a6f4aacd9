"""A run as one file, `.mnistlab`: to keep, to hand in as homework, to open elsewhere.

A zip file of JSON and plain arrays (`.npy`), without pickle:

    manifest.json     format, version, and size and SHA-256 of every other entry
    run.json          `RunFacts`: the experiment, names, results, epochs, snapshots
    loss.npy          float32 [n], one value a step, as `RunFacts.segments` numbers them
    accuracy.npy      float32 [n]
    weights/000.npy   float32 [parameters] of the first snapshot, in Keras's order, and so on
    state/000.npy     the optimiser's state at `RunFacts.state_step`, for training on

Files come from anywhere: `read` checks everything before `keep` writes anything.
"""

from __future__ import annotations

import io
import json
import math
import secrets
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, AwareDatetime, Field, ValidationError, model_validator

from mnist_core.base.untrusted import (
    MEGABYTE,
    FileRefused,
    Limits,
    array_bytes,
    checksum,
    read_array,
    read_zip,
    readable,
)
from mnist_core.data.custom import MAX_IMAGES
from mnist_core.experiment import changes
from mnist_core.experiment.changes import MOST_CHANGES, Change
from mnist_core.experiment.fields import Value
from mnist_core.experiment.spec import Experiment, NetworkSpec
from mnist_core.experiment.validation import ExperimentError
from mnist_core.inspection.weights import layer_weights
from mnist_core.storage import schema
from mnist_core.storage.store import (
    LONGEST_NOTE,
    LONGEST_TAG,
    MOST_TAGS,
    Run,
    SnapshotInfo,
    Store,
    StoreError,
    Unavailable,
)
from mnist_core.training.events import Epoch, Resume, pack_arrays, unpack_arrays

SUFFIX = ".mnistlab"
FORMAT, VERSION = "mnist-lab run", 1
WHAT = "this run file"
LIMITS = Limits(file_bytes=200 * MEGABYTE, unpacked_bytes=250 * MEGABYTE, entries=1_000)
MAX_STEPS, MAX_EPOCHS, MAX_SNAPSHOTS = 15_000_000, 5_000, 400
MAX_NAME, MAX_AUTHOR = 120, 60
# Of run.json: 5,000 epochs and 50 changes of a network of 40 layers are 1.7 MB.
MAX_FACTS = 2 * MEGABYTE
# With more mistakes than these, no single one says what is wrong.
MOST_MISTAKES = 100
# Rows of the table of steps hold so many steps at most.
ROW_STEPS = 100_000
STATE_TYPES = ("<f4", "<i8", "<i4", "<u4")

Floats = npt.NDArray[np.float32]
Kept = Literal["all", "ends"]


# No run is older; a clock that was wrong when a run was made makes no file useless.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def _credible(moment: datetime) -> datetime:
    """The moment in UTC, not before `EARLIEST` and not in the future."""
    return min(max(moment, EARLIEST), datetime.now(UTC)).astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_credible)]
Text = Annotated[str, AfterValidator(readable)]
Tag = Annotated[Text, Field(max_length=LONGEST_TAG)]
Count = Annotated[int, Field(ge=0, le=MAX_STEPS)]
Share = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]


class EpochFacts(Value):
    """One epoch; a loss that was no number is None."""

    epoch: Annotated[int, Field(ge=1, le=MAX_EPOCHS)]
    step: Count
    loss: Loss | None
    accuracy: Share | None
    val_loss: Loss | None
    val_accuracy: Share | None
    seconds: Seconds


class SnapshotFacts(Value):
    """A snapshot without its weights; `epoch` is a share: 1.5 is mid-second epoch."""

    step: Count
    epoch: Annotated[float, Field(ge=0, le=MAX_EPOCHS)]
    val_accuracy: Share | None


class ChangeFacts(Value):
    """After which step the run went on as another experiment."""

    step: Count
    experiment: dict[str, Any]


class RunFacts(Value):
    """The content of `run.json`. `segments` are (first step, count) of the step values in order."""

    name: Annotated[Text, Field(max_length=MAX_NAME)]
    author: Annotated[Text, Field(max_length=MAX_AUTHOR)] = ""
    note: Annotated[Text, Field(max_length=LONGEST_NOTE)] = ""
    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)] = ()
    preset: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9-]+$")] | None = None
    experiment: dict[str, Any]
    changes: Annotated[tuple[ChangeFacts, ...], Field(max_length=MOST_CHANGES)] = ()
    status: Literal["finished", "stopped", "failed"]
    message: Annotated[Text, Field(max_length=1_000)] = ""
    precision: Literal["", "float32", "bfloat16"] = ""
    started: Moment | None = None
    ended: Moment | None = None
    step: Count
    total_steps: Count
    steps_per_epoch: Annotated[int, Field(ge=0, le=MAX_IMAGES)]
    epoch: Annotated[int, Field(ge=0, le=MAX_EPOCHS)]
    epochs_planned: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] | None = None
    learning_rate: Annotated[float, Field(ge=0, le=1e6)] | None = None
    images_per_second: Annotated[float, Field(ge=0, le=1e12)] | None = None
    seconds: Seconds
    dead_units: Share | None = None
    test_loss: Loss | None = None
    test_accuracy: Share | None = None
    segments: Annotated[tuple[tuple[Count, Count], ...], Field(max_length=10_000)] = ()
    epochs: Annotated[tuple[EpochFacts, ...], Field(max_length=MAX_EPOCHS)] = ()
    moments: Annotated[tuple[SnapshotFacts, ...], Field(max_length=MAX_SNAPSHOTS)] = ()
    state_step: Count | None = None
    state_arrays: Annotated[int, Field(ge=0, le=400)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        last = max(self.total_steps, self.step)
        ends = [first + size - 1 for first, size in self.segments]
        starts = [first for first, _ in self.segments]
        steps = [snapshot.step for snapshot in self.moments]
        facts = {
            "steps": all(size for _, size in self.segments)
            and all(first >= 1 for first in starts)
            and all(end < start for end, start in zip(ends, starts[1:], strict=False))
            and all(end <= last for end in ends),
            "epochs": all(a.epoch < b.epoch and a.step < b.step for a, b in pairwise(self.epochs))
            and all(epoch.step <= last for epoch in self.epochs),
            "moments": all(a < b for a, b in pairwise(steps)),
            "changes": all(a.step <= b.step for a, b in pairwise(self.changes)),
            "state": self.state_step is None or self.state_step in steps,
        }
        for name, right in facts.items():
            if not right:
                raise ValueError(f"the {name} are not in order")
        if self.step and not self.steps_per_epoch:
            raise ValueError("steps were taken, but an epoch has none")
        return self


class _Entry(Value):
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(Value):
    format: Literal["mnist-lab run"]
    version: Literal[1]
    files: dict[str, _Entry]


@dataclass(frozen=True, eq=False)
class RunFile:
    """A whole run: facts, `loss` and `accuracy` float32 [n], and the weights of each snapshot.

    `state` holds the optimiser's arrays at `facts.state_step`, or nothing; `changes` are those made
    of the experiment in mid-run.
    """

    facts: RunFacts
    experiment: Experiment
    loss: Floats
    accuracy: Floats
    weights: tuple[tuple[Floats, ...], ...]
    state: tuple[npt.NDArray[Any], ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def bytes(self) -> int:
        """The memory that its arrays take, and roughly what keeping them takes."""
        arrays = [self.loss, self.accuracy, *self.state]
        arrays += [array for snapshot in self.weights for array in snapshot]
        return sum(array.nbytes for array in arrays)

    def curves_alone(self) -> RunFile:
        """The same without weights: what it takes to compare a run with others."""
        return replace(self, weights=(), state=())

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The numbers of the steps, int64 [n]."""
        parts = [np.arange(first, first + size) for first, size in self.facts.segments]
        return np.concatenate([np.zeros(0, np.int64), *parts])


# From the store to a file


def _weights(store: Store, run_id: str, step: int) -> Sequence[npt.NDArray[Any]] | None:
    """None when they are damaged: the file takes what can be read."""
    try:
        return store.weights(run_id, step)
    except Unavailable:
        raise
    except StoreError:
        return None


def _state(
    store: Store, run_id: str, steps: Collection[int]
) -> tuple[Resume | None, tuple[npt.NDArray[Any], ...]]:
    """The step from which training can go on, and the optimiser's state there, if any."""
    try:
        state = store.resume_point(run_id)
        if state is not None and state.checkpoint is not None and state.step in steps:
            return state, unpack_arrays(state.checkpoint)
    except Unavailable:
        raise
    except (StoreError, ValueError):
        pass
    return None, ()


def from_store(store: Store, run: Run, *, snapshots: Kept = "all", author: str = "") -> RunFile:
    """An ended run as it is kept; with "ends" only the first and the last snapshot's weights.

    Raises FileRefused while the run goes on.
    """
    if run.active:
        raise FileRefused("This run is still training; stop it or let it end, then save it.")
    metrics, kept = store.steps(run.id), store.snapshots(run.id)
    if snapshots == "ends" and len(kept) > 2:
        kept = [kept[0], kept[-1]]
    found = [(info, _weights(store, run.id, info.step)) for info in _thinned(kept)]
    weights = [(info, tuple(arrays)) for info, arrays in found if arrays is not None]
    state, arrays = _state(store, run.id, [info.step for info, _ in weights])
    plain = {name: getattr(run, name) for name in _FROM_RUN}
    facts = RunFacts(
        **{name: _finite(value) for name, value in plain.items()},
        author=author,
        experiment=run.experiment.model_dump(mode="json"),
        changes=tuple(
            ChangeFacts(step=made.step, experiment=made.experiment.model_dump(mode="json"))
            for made in run.changes
        ),
        segments=_segments(metrics.step),
        epochs=tuple(_epoch_facts(epoch) for epoch in store.epochs(run.id)[:MAX_EPOCHS]),
        moments=tuple(
            SnapshotFacts(step=m.step, epoch=m.epoch, val_accuracy=_finite(m.val_accuracy))
            for m, _ in weights
        ),
        state_step=state.step if state is not None and arrays else None,
        state_arrays=len(arrays),
    )
    return RunFile(
        facts,
        run.experiment,
        metrics.loss,
        metrics.accuracy,
        tuple(kept_weights for _, kept_weights in weights),
        arrays,
        run.changes,
    )


def _thinned(kept: Sequence[SnapshotInfo]) -> list[SnapshotInfo]:
    """As many as a file takes, spread evenly, the first and the last among them."""
    places = np.linspace(0, len(kept) - 1, min(MAX_SNAPSHOTS, len(kept)))
    return [kept[round(place)] for place in places]


_FROM_RUN = (
    "name", "note", "tags", "preset", "status", "message", "precision", "started", "ended",
    "step", "total_steps", "steps_per_epoch", "epoch", "epochs_planned", "learning_rate",
    "images_per_second", "seconds", "dead_units", "test_loss", "test_accuracy",
)  # fmt: skip


def pack(run: RunFile) -> bytes:
    """The file's bytes."""
    entries = {
        "run.json": run.facts.model_dump_json(indent=1).encode(),
        "loss.npy": array_bytes(run.loss.astype("<f4")),
        "accuracy.npy": array_bytes(run.accuracy.astype("<f4")),
    }
    for index, arrays in enumerate(run.weights):
        flat = np.concatenate([np.zeros(0, "<f4"), *(array.ravel() for array in arrays)])
        entries[_weights_name(index)] = array_bytes(flat.astype("<f4"))
    for index, array in enumerate(run.state):
        entries[_state_name(index)] = array_bytes(array)
    listed = {
        name: _Entry(bytes=len(data), sha256=checksum(data)) for name, data in entries.items()
    }
    manifest = _Manifest(format=FORMAT, version=VERSION, files=listed)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("manifest.json", manifest.model_dump_json(indent=1))
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _weights_name(index: int) -> str:
    return f"weights/{index:03d}.npy"


def _state_name(index: int) -> str:
    return f"state/{index:03d}.npy"


def _segments(steps: npt.NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Ascending numbers as runs without a gap: (first, how many)."""
    if not len(steps):
        return ()
    starts = np.flatnonzero(np.diff(steps, prepend=steps[0] - 2) != 1)
    ends = np.append(starts[1:], len(steps))
    return tuple(
        (int(steps[start]), int(end - start)) for start, end in zip(starts, ends, strict=True)
    )


def _epoch_facts(epoch: Epoch) -> EpochFacts:
    return EpochFacts(**{name: _finite(getattr(epoch, name)) for name in EpochFacts.model_fields})


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# From a file to the store


def read(data: bytes) -> RunFile:
    """A run from a file's bytes. Raises FileRefused, and nothing else, for any other bytes."""
    entries = read_zip(data, LIMITS, WHAT)
    _check_manifest(entries)
    facts = _parse(RunFacts, entries["run.json"])
    try:
        experiment = Experiment.parse(facts.experiment)
        made = tuple(Change(m.step, Experiment.parse(m.experiment)) for m in facts.changes)
    except ExperimentError as error:
        raise FileRefused(f"This run file does not hold an experiment. {error}") from None
    for before, after in pairwise([experiment, *(change.experiment for change in made)]):
        if why := changes.problem(before, after):
            raise FileRefused(f"This run file does not hold together. {why}")
    _check_names(entries, facts)
    # Entries are let go as they become arrays: both at once would be twice the memory.
    length = sum(size for _, size in facts.segments)
    loss, accuracy = (
        read_array(entries.pop(name), ("<f4",), (length,), WHAT)
        for name in ("loss.npy", "accuracy.npy")
    )
    if ((accuracy < 0) | (accuracy > 1)).any():
        raise FileRefused("This run file is inconsistent: an accuracy is not between 0 and 1.")
    weights = tuple(
        _split(entries.pop(_weights_name(index)), experiment.network)
        for index in range(len(facts.moments))
    )
    state = [entries.pop(_state_name(index)) for index in range(facts.state_arrays)]
    kept = _read_state(state, experiment)
    return RunFile(facts, experiment, loss, accuracy, weights, kept, made)


def _check_manifest(entries: dict[str, bytes]) -> None:
    if not {"manifest.json", "run.json", "loss.npy", "accuracy.npy"} <= entries.keys():
        raise FileRefused("This is not a run file of MNIST Lab: parts of it are missing.")
    text = entries.pop("manifest.json")
    manifest = _parse(_Manifest, text)
    if manifest.files.keys() != entries.keys():
        raise FileRefused("This run file is damaged: its content does not match its manifest.")
    for name, data in entries.items():
        listed = manifest.files[name]
        if len(data) != listed.bytes or checksum(data) != listed.sha256:
            raise FileRefused(f"This run file is damaged: the checksum of {name} is wrong.")


def _parse(model: Any, text: bytes) -> Any:
    if len(text) > MAX_FACTS:  # parsed, it takes a hundred times its size
        raise FileRefused(
            f"This run file's description is {len(text) / MEGABYTE:,.1f} MB; at most "
            f"{MAX_FACTS // MEGABYTE} MB are read."
        )
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        if error.error_count() > MOST_MISTAKES:
            raise FileRefused("This run file's description is invalid throughout.") from None
        first = error.errors(include_input=False, include_url=False)[0]
        if first["loc"] == ("version",):
            raise FileRefused(
                "This run file was made by another version of MNIST Lab, whose files this one "
                "cannot read."
            ) from None
        place = " · ".join(str(part) for part in first["loc"][:4])[:80] or "its description"
        raise FileRefused(
            f"This run file is inconsistent: “{readable(place)}” is invalid."
        ) from None


def _check_names(entries: dict[str, bytes], facts: RunFacts) -> None:
    wanted = {"run.json", "loss.npy", "accuracy.npy"}
    wanted |= {_weights_name(index) for index in range(len(facts.moments))}
    wanted |= {_state_name(index) for index in range(facts.state_arrays)}
    if entries.keys() != wanted:
        raise FileRefused("This run file is inconsistent: entries are missing or unknown.")


def _split(data: bytes, network: NetworkSpec) -> tuple[Floats, ...]:
    """One flat array as the network's weights, in Keras's order."""
    shapes = [shape for layer in layer_weights(network) for shape in layer.shapes]
    sizes = [math.prod(shape) for shape in shapes]
    flat = read_array(data, ("<f4",), (sum(sizes),), WHAT)
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


def _read_state(parts: Sequence[bytes], experiment: Experiment) -> tuple[npt.NDArray[Any], ...]:
    """The optimiser's and dropout's state: numbers, seeds, and arrays shaped like weights."""
    arrays = tuple(read_array(part, STATE_TYPES, None, WHAT) for part in parts)
    weights = [shape for layer in layer_weights(experiment.network) for shape in layer.shapes]
    for array in arrays:
        if array.shape not in ((), (2,)) and array.shape not in weights:
            raise FileRefused(
                "This run file is inconsistent: the optimiser's state does not fit the network."
            )
    return arrays


def keep(store: Store, run: RunFile, owner: str, tags: Sequence[str] = ()) -> str:
    """Insert the run as one of `owner`'s, as a whole or not at all; returns its new id.

    It keeps its name; when another run of theirs has that name, a number is added.
    """
    run_id = secrets.token_urlsafe(9)
    names = {other.name for other in store.runs(owner)}
    rows = [
        (schema.runs, [_run_row(run, run_id, owner, tags) | {"name": _free_name(run, names)}]),
        (schema.steps, _step_rows(run, run_id)),
        (schema.epochs, [{"run": run_id, **epoch.model_dump()} for epoch in run.facts.epochs]),
        (schema.snapshots, _snapshot_rows(run, run_id)),
    ]
    with store.transaction() as connection:
        for table, values in rows:
            for value in values:
                connection.execute(table.insert().values(**value))
    return run_id


def _run_row(run: RunFile, run_id: str, owner: str, tags: Sequence[str]) -> dict[str, Any]:
    facts = run.facts
    last = facts.epochs[-1] if facts.epochs else None
    together = dict.fromkeys([*tags, *facts.tags])
    same = {name: getattr(facts, name) for name in _FROM_RUN if name != "tags"}
    return same | {
        "id": run_id,
        "owner": owner,
        "experiment": run.experiment.to_json(),
        "changes": changes.to_json(run.changes),
        "tags": json.dumps([tag for tag in together if tag][:MOST_TAGS]),
        "created": datetime.now(UTC),
        "attempt": 1,
        "parameters": run.experiment.network.parameters,
        "loss": _last(run.loss),
        "accuracy": _last(run.accuracy),
        "val_loss": last.val_loss if last else None,
        "val_accuracy": last.val_accuracy if last else None,
        "checkpoint": pack_arrays(run.state) if run.state else None,
        "checkpoint_step": facts.state_step if run.state else None,
        # What visitors keep is counted by it (`visitors.kept_bytes`): never less than there are.
        "step": max([facts.step, *(first + size - 1 for first, size in facts.segments[-1:])]),
    }


def _free_name(run: RunFile, taken: Collection[str]) -> str:
    """Menus of runs tell them apart by name."""
    name = run.facts.name or "A run from a file"
    if name not in taken:
        return name
    endings = (f" ({number})" for number in count(2))
    return next(free for end in endings if (free := name[: MAX_NAME - len(end)] + end) not in taken)


def _last(values: Floats) -> float | None:
    return _finite(float(values[-1])) if len(values) else None


def _step_rows(run: RunFile, run_id: str) -> list[dict[str, Any]]:
    rows, at = [], 0
    for first, length in run.facts.segments:
        for start in range(0, length, ROW_STEPS):
            size = min(ROW_STEPS, length - start)
            part = slice(at + start, at + start + size)
            rows.append(
                {
                    "run": run_id,
                    "first_step": first + start,
                    "count": size,
                    "loss": run.loss[part].astype("<f4").tobytes(),
                    "accuracy": run.accuracy[part].astype("<f4").tobytes(),
                }
            )
        at += length
    return rows


def _snapshot_rows(run: RunFile, run_id: str) -> list[dict[str, Any]]:
    rows = []
    for snapshot, arrays in zip(run.facts.moments, run.weights, strict=True):
        packed = pack_arrays(arrays)
        rows.append(
            {"run": run_id, "bytes": len(packed), "weights": packed, **snapshot.model_dump()}
        )
    return rows


def with_author_in_note(run: RunFile) -> RunFile:
    """The run, its note opening with who made it: that is where a run of mine can say it."""
    if not run.facts.author:
        return run
    note = f"By {run.facts.author}. {run.facts.note}".strip()[:LONGEST_NOTE]
    return replace(run, facts=run.facts.model_copy(update={"note": note}))
