"""Events of a training run, as values.

`mnist_core.training.loop.train` yields these events, the worker sends them to the app as plain
messages, the store keeps each one as it arrives, and the pages only ever read the store.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Started:
    """Training is about to take its first step (or to go on from `step`).

    `epochs` is how many it is to take in all, those asked for later included; None: not said.
    """

    kind: ClassVar[str] = "started"
    total_steps: int
    steps_per_epoch: int
    parameters: int
    precision: str = "float32"
    step: int = 0
    epochs: int | None = None


@dataclass(frozen=True, eq=False)
class Steps:
    """One or more optimiser steps, numbered from `first_step` (the run's first step is 1).

    `loss` and `accuracy` are float32 [k], each taken on that step's batch before its update.
    `k` is 0 when only the state changed (`paused`). `seconds` excludes pauses; `total_steps`
    and `epochs` grow when epochs are added while the run goes on.
    """

    kind: ClassVar[str] = "steps"
    first_step: int
    loss: FloatArray
    accuracy: FloatArray
    learning_rate: float
    epoch: int
    seconds: float
    total_steps: int
    images_per_second: float = 0.0
    seconds_left: float | None = None
    paused: bool = False
    epochs: int | None = None

    @property
    def last_step(self) -> int:
        """The number of the last step in this event (`first_step - 1` when it holds none)."""
        return self.first_step + len(self.loss) - 1


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images has ended; `epoch` counts from 1.

    `loss` and `accuracy` are means over the epoch's training images as they were met;
    the validation figures are taken at the epoch's end, None without validation images.
    `seconds` is how long this epoch's training took, validation and pauses excluded.
    """

    kind: ClassVar[str] = "epoch"
    epoch: int
    step: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The network's weights after `step` steps, in `model.get_weights()` order.

    `val_accuracy` is a quick reading on a fixed part of the validation images; `dead_units` the
    share of ReLU units that none of those images switches on (None without ReLU units).
    `checkpoint` holds the optimiser's state, so that training can go on from here. `replaces` is
    the step of an earlier snapshot that is not to be kept beside this one.
    """

    kind: ClassVar[str] = "snapshot"
    step: int
    epoch: float
    weights: tuple[npt.NDArray[Any], ...]
    val_accuracy: float | None = None
    checkpoint: bytes | None = None
    dead_units: float | None = None
    replaces: int | None = None


@dataclass(frozen=True, eq=False)
class Finished:
    """Training has ended by itself or was stopped; `model` stays in the process that trained it.

    `reason` is one of "epochs", "stopped", "minutes", "target" and "no improvement". The test
    figures are None when a stop left no time to take them. `step_seconds` is the mean time of a
    step, that of the first left out, `other_seconds` what the run took besides its steps: to build
    and compile the network, to validate, to keep weights. None after an interruption. `misread`
    says which test images are read wrongly, as what (`training.misread`).
    """

    kind: ClassVar[str] = "finished"
    step: int
    epoch: int
    test_loss: float | None
    test_accuracy: float | None
    reason: str
    seconds: float
    step_seconds: float | None = None
    other_seconds: float | None = None
    misread: bytes | None = None
    model: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Failed:
    """Training could not go on; `reason` is one sentence for the person who started it."""

    kind: ClassVar[str] = "failed"
    step: int
    epoch: int
    reason: str


@dataclass(frozen=True)
class Changed:
    """From the step after `step` on, the run trains as `experiment` says, an experiment as JSON."""

    kind: ClassVar[str] = "changed"
    step: int
    experiment: str
    total_steps: int
    steps_per_epoch: int
    epochs: int


@dataclass(frozen=True)
class Released:
    """A paused run has ended here, to be resumed from its snapshot after `step` steps.

    `command` is what `Control.send` takes then: what was asked of the run so far.
    """

    kind: ClassVar[str] = "released"
    step: int
    command: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Live:
    """A frame for one of the views that somebody looks at (`live_view.pack`); it is not stored.

    `view` is the view's key.
    """

    kind: ClassVar[str] = "live"
    step: int
    view: str
    header: str
    data: bytes


@dataclass(frozen=True, eq=False)
class Resume:
    """A point to go on from: a snapshot's step, weights and checkpoint. Not an event itself.

    `seconds` is how long the run has trained so far, `val_losses` what it came to at the end of
    each epoch up to that step, `kept` the steps of all snapshots up to there. `loss` and
    `accuracy`, float32 [k], are those of the steps taken in the epoch that had not ended.
    """

    step: int
    weights: tuple[npt.NDArray[Any], ...]
    checkpoint: bytes | None = None
    seconds: float = 0.0
    val_losses: tuple[float, ...] = ()
    kept: tuple[int, ...] = ()
    loss: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    accuracy: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))


Event = Started | Steps | Epoch | Snapshot | Finished | Failed | Changed | Released | Live
_CLASSES: dict[str, type[Any]] = {
    event.kind: event
    for event in (Started, Steps, Epoch, Snapshot, Finished, Failed, Changed, Released, Live)
}


def pack_arrays(arrays: tuple[npt.NDArray[Any], ...] | list[npt.NDArray[Any]]) -> bytes:
    """Arrays in order → one uncompressed `.npz` in memory; no pickle."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {f"a{i:04d}": array for i, array in enumerate(arrays)}
    np.savez(buffer, **named)
    return buffer.getvalue()


def unpack_arrays(data: bytes) -> tuple[npt.NDArray[Any], ...]:
    """The inverse of `pack_arrays`. Raises ValueError on anything but such a file."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return tuple(archive[name] for name in sorted(archive.files))
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, NotImplementedError,
            TypeError, AttributeError) as error:  # fmt: skip
        raise ValueError(f"These are no packed arrays: {error}") from error


def to_message(event: Event) -> dict[str, Any]:
    """An event as a dict of str, int, float, bytes and None, for sending between processes."""
    message: dict[str, Any] = {"kind": event.kind}
    for item in fields(event):
        value = getattr(event, item.name)
        if item.name == "model":
            continue
        if item.name == "weights":
            value = pack_arrays(value)
        elif isinstance(value, np.ndarray):
            value = np.ascontiguousarray(value, dtype="<f4").tobytes()
        message[item.name] = value
    return message


def from_message(message: dict[str, Any]) -> Event:
    """The inverse of `to_message`. Raises KeyError for an unknown kind."""
    values = {name: value for name, value in message.items() if name != "kind"}
    kind = _CLASSES[message["kind"]]
    if kind is Steps:
        values["loss"] = np.frombuffer(values["loss"], dtype="<f4")
        values["accuracy"] = np.frombuffer(values["accuracy"], dtype="<f4")
    elif kind is Snapshot:
        values["weights"] = unpack_arrays(values["weights"])
    event: Event = kind(**values)
    return event
