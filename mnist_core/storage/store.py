"""Everything that happened in every run, kept the moment it happens.

SQLite under `MNIST_LAB_HOME` by default; any SQLAlchemy URL in `MNIST_LAB_DATABASE`. One event
is one short transaction. All methods may be called from any thread and any process.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from mnist_core.base.errors import StoreError as StoreError
from mnist_core.base.errors import Unavailable as Unavailable
from mnist_core.base.paths import home as default_home
from mnist_core.experiment import changes
from mnist_core.experiment.changes import Change, present
from mnist_core.experiment.spec import Experiment
from mnist_core.storage import event_writer, schema
from mnist_core.storage.database import BUSY_SECONDS as BUSY_SECONDS
from mnist_core.storage.database import database_file, explain, open_database
from mnist_core.storage.metric_buffer import Curve
from mnist_core.storage.metric_buffer import StepMetrics as StepMetrics
from mnist_core.training.events import Epoch, Event, Resume, unpack_arrays

log = logging.getLogger(__name__)

ACTIVE = ("queued", "running", "paused")
# The largest number that fits the column.
MOST_STEPS = 2**31 - 1
# Runs whose curves this process keeps at hand.
CACHED_CURVES = 256
LONGEST_NAME = 120
# How far back a run is looked for that has its number still.
MOST_RENAMED = 100
_NUMBERED = re.compile(r" · run (\d{1,9})$")
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 4000
# How long a run that was put aside can be brought back.
KEPT_ASIDE = timedelta(days=1)


@dataclass(frozen=True)
class Run:
    """A run as it stands now. `message` is a sentence for the person, empty while all is well.

    `loss`, `accuracy`, `val_loss` and `val_accuracy` are the latest; None before the first.
    `checkpoint_step` is where it could go on: None unless that snapshot is kept. `deleted` is when
    the person put the run aside; `study` and `trial` say which study made it. `unheard` is since
    when nothing has been heard of its training, None while it speaks; `turn` numbers the turn at
    which it was given to a training process, None while it has none.
    """

    id: str
    name: str
    owner: str
    preset: str | None
    experiment: Experiment
    status: str
    message: str
    interrupted: bool
    server: str
    worker: str | None
    attempt: int
    created: datetime
    queued: datetime | None
    started: datetime | None
    ended: datetime | None
    step: int
    total_steps: int
    steps_per_epoch: int
    epoch: int
    parameters: int
    precision: str
    learning_rate: float | None
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    images_per_second: float | None
    seconds: float
    seconds_left: float | None
    step_seconds: float | None
    other_seconds: float | None
    dead_units: float | None
    test_loss: float | None
    test_accuracy: float | None
    checkpoint_step: int | None
    tags: tuple[str, ...]
    note: str
    deleted: datetime | None
    study: str | None
    trial: int | None
    unheard: datetime | None = None
    turn: int | None = None
    changes: tuple[Change, ...] = ()
    epochs_planned: int | None = None

    @property
    def present_experiment(self) -> Experiment:
        """The experiment by which it trains by now, after what was changed in mid-run."""
        return present(self.experiment, self.changes)

    @property
    def gave_way(self) -> bool:
        """True of a paused run that has given its training process to those who wait."""
        return self.status == "paused" and self.turn is None

    @property
    def active(self) -> bool:
        """True while the run waits, trains or pauses."""
        return self.status in ACTIVE

    @property
    def epochs(self) -> int:
        """The number of epochs that the run is to take, those asked for later included."""
        if self.epochs_planned is not None:
            return self.epochs_planned
        planned = self.experiment.training.epochs
        if not self.step or not self.steps_per_epoch:
            return planned
        return max(planned, -(-self.total_steps // self.steps_per_epoch))


@dataclass(frozen=True)
class SnapshotInfo:
    """A kept set of weights, without the weights. `epoch` is a share: 1.5 is mid-second epoch."""

    step: int
    epoch: float
    val_accuracy: float | None
    bytes: int


def _run_columns() -> list[sa.ColumnElement[Any]]:
    """The columns of a `Run`. A snapshot that is gone, whoever removed it, is not offered."""
    runs, snapshots = schema.runs, schema.snapshots
    there = sa.exists().where(
        snapshots.c.run == runs.c.id, snapshots.c.step == runs.c.checkpoint_step
    )
    usable = runs.c.checkpoint.is_not(None) & there.correlate(runs)
    step = sa.case((usable, runs.c.checkpoint_step)).label("checkpoint_step")
    return [
        step if field.name == "checkpoint_step" else runs.c[field.name] for field in fields(Run)
    ]


_RUN_COLUMNS = _run_columns()


class Store:
    """Runs, their curves and their weights in a database."""

    owner: str | None = None
    """Whose runs this store knows; None: everyone's."""

    def __init__(self, url: str | None = None, home: Path | None = None) -> None:
        """Open or create the database at `url`, by default SQLite in `home`.

        `notice` is a sentence for the person when a damaged file had to be put aside, else "".
        Raises StoreError when there is no database to be had.
        """
        chosen = url or os.environ.get("MNIST_LAB_DATABASE") or None
        self.engine, self.notice = open_database(chosen, home or default_home())
        self._file = database_file(self.engine)
        self._curves: OrderedDict[str, Curve] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def seen_by(self, owner: str) -> Store:
        """This store as `owner` sees it: others' runs do not exist, and new runs are `owner`'s."""
        view = copy.copy(self)
        view.owner = owner
        return view

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection whose work is kept as a whole or not at all.

        Raises StoreError; its kind Unavailable when the same may well succeed later.
        """
        if self._file is not None:
            self._file.check()
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise explain(error, self.engine) from error

    # Runs

    def create_run(
        self,
        experiment: Experiment,
        owner: str = "local",
        preset: str | None = None,
        server: str = "",
        study: str | None = None,
        trial: int | None = None,
        title: str | None = None,
    ) -> str:
        """Note a new run as queued; returns its id. `study` and `trial`: who asked for it.

        `title` is what it is called where neither the experiment nor the preset has a name.
        """
        run_id, now = secrets.token_urlsafe(9), _now()
        with self.transaction() as connection:
            queued = _queued_now(connection)
            result = connection.execute(
                schema.runs.insert().values(
                    id=run_id,
                    name="",
                    owner=self.owner or owner,
                    preset=preset,
                    experiment=experiment.to_json(),
                    status="queued",
                    server=server,
                    begun_on=server,
                    created=now,
                    queued=queued,
                    study=study,
                    trial=trial,
                )
            )
            row = result.inserted_primary_key[0]  # type: ignore[index]
            number = _next_number(connection, self.owner or owner, row)
            called = experiment.name or preset or title or "my network"
            ending = f" · run {number}"
            self._update(connection, run_id, name=called[: LONGEST_NAME - len(ending)] + ending)
        return run_id

    def run(self, run_id: str) -> Run | None:
        """The run, or None when there is none (any more), or it was put aside."""
        with self.transaction() as connection:
            query = sa.select(*_RUN_COLUMNS).where(
                self._is(run_id), schema.runs.c.deleted.is_(None)
            )
            row = connection.execute(query).one_or_none()
        return next(iter(_runs([row])), None) if row is not None else None

    def runs(
        self, owner: str | None = "local", limit: int | None = None, trials_last: bool = False
    ) -> list[Run]:
        """The owner's runs (everyone's with None), newest first, without those put aside.

        `trials_last`: those of studies come after all others, so that a menu of the first `limit`
        is not full of them.
        """
        order = [schema.runs.c.study.is_not(None)] if trials_last else []
        query = sa.select(*_RUN_COLUMNS).order_by(*order, schema.runs.c.number.desc()).limit(limit)
        query = query.where(schema.runs.c.deleted.is_(None))
        if (owner := self.owner or owner) is not None:
            query = query.where(schema.runs.c.owner == owner)
        with self.transaction() as connection:
            return _runs(connection.execute(query))

    def validation_curves(self, owner: str | None = "local") -> dict[str, list[float]]:
        """The validation accuracies of the owner's runs after each epoch, by run id."""
        epochs = schema.epochs.c
        query = sa.select(epochs.run, epochs.val_accuracy).order_by(epochs.run, epochs.epoch)
        query = query.where(epochs.val_accuracy.is_not(None))
        if (owner := self.owner or owner) is not None:
            mine = sa.select(schema.runs.c.id).where(schema.runs.c.owner == owner)
            query = query.where(epochs.run.in_(mine))
        with self.transaction() as connection:
            rows = connection.execute(query).all()
        found: dict[str, list[float]] = {}
        for run, value in rows:
            found.setdefault(run, []).append(float(value))
        return found

    def active_runs(self) -> list[Run]:
        """All runs that wait, train or pause, in the order in which they were queued."""
        query = sa.select(*_RUN_COLUMNS).where(schema.runs.c.status.in_(ACTIVE))
        if self.owner is not None:
            query = query.where(schema.runs.c.owner == self.owner)
        since = sa.func.coalesce(schema.runs.c.queued, schema.runs.c.created)
        with self.transaction() as connection:
            return _runs(connection.execute(query.order_by(since, schema.runs.c.number)))

    def timed_runs(self, limit: int = 60) -> list[Run]:
        """The newest ended runs, everyone's, of which it is known how long they took here.

        Those without a server came from a file, which may say anything.
        """
        query = sa.select(*_RUN_COLUMNS).where(
            schema.runs.c.step_seconds.is_not(None),
            schema.runs.c.status.not_in(ACTIVE),
            schema.runs.c.server != "",
        )
        with self.transaction() as connection:
            query = query.order_by(schema.runs.c.number.desc()).limit(limit)
            return _runs(connection.execute(query))

    def set_status(self, run_id: str, status: str, message: str = "", **more: Any) -> None:
        """Change what a run is doing; `more` are other columns of the runs table."""
        with self.transaction() as connection:
            self._update(connection, run_id, status=status, message=message, **more)

    def wait_again(self, run_id: str) -> None:
        """Put a paused run that has no training process at the end of the queue."""
        with self.transaction() as connection:
            queued = _queued_now(connection)
            self._update(connection, run_id, status="queued", queued=queued, turn=None)

    def queue_again(self, run_id: str, server: str) -> None:
        """Put an ended run at the end of the queue, for `server` to train."""
        with self.transaction() as connection:
            values = {
                "status": "queued",
                "message": "",
                "server": server,
                "interrupted": False,
                "turn": None,
                "unheard": None,
                # It may be a file's word, and is told anew with the first steps.
                "images_per_second": None,
            }
            self._update(connection, run_id, queued=_queued_now(connection), **values)

    def note_unheard(self, run_id: str, since: datetime | None) -> None:
        """Note since when nothing has been heard of a run's training; None: it speaks again."""
        with self.transaction() as connection:
            self._update(connection, run_id, unheard=since)

    def say(self, run_id: str, message: str) -> None:
        """Change a run's message only."""
        with self.transaction() as connection:
            self._update(connection, run_id, message=message)

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name, 1 to `LONGEST_NAME` characters. Raises ValueError."""
        if not 1 <= len(name.strip()) <= LONGEST_NAME:
            raise ValueError(f"A run's name must have 1 to {LONGEST_NAME} characters.")
        with self.transaction() as connection:
            self._update(connection, run_id, name=name.strip())

    def annotate(self, run_id: str, tags: Sequence[str], note: str) -> None:
        """Replace a run's tags and note. Raises ValueError for too many or too long ones."""
        kept = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
        if len(kept) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in kept):
            raise ValueError(
                f"A run can have at most {MOST_TAGS} tags of at most {LONGEST_TAG} characters each."
            )
        if len(note) > LONGEST_NOTE:
            raise ValueError(f"A note has at most {LONGEST_NOTE:,} characters.")
        with self.transaction() as connection:
            self._update(connection, run_id, tags=json.dumps(kept), note=note)

    def put_aside(self, run_id: str) -> None:
        """Delete a run so that `bring_back` can undo it; `purge` removes it for good later."""
        with self.transaction() as connection:
            self._update(connection, run_id, deleted=datetime.now(UTC))

    def bring_back(self, run_id: str) -> None:
        """Undo `put_aside`."""
        with self.transaction() as connection:
            self._update(connection, run_id, deleted=None)

    def purge(self, older_than: timedelta = KEPT_ASIDE) -> int:
        """Remove for good the runs that were put aside so long ago; returns how many."""
        query = sa.select(schema.runs.c.id).where(
            schema.runs.c.deleted < datetime.now(UTC) - older_than
        )
        if self.owner is not None:
            query = query.where(schema.runs.c.owner == self.owner)
        with self.transaction() as connection:
            found = list(connection.execute(query).scalars())
        for run_id in found:
            self.delete(run_id)
        return len(found)

    def delete(self, run_id: str) -> None:
        """Remove a run with all that belongs to it, for good."""
        with self.transaction() as connection:
            for table in (schema.steps, schema.epochs, schema.snapshots, schema.commands):
                connection.execute(table.delete().where(self._of(table, run_id)))
            connection.execute(schema.runs.delete().where(self._is(run_id)))
        with self._lock:
            self._curves.pop(run_id, None)

    # What happened

    def record(self, run_id: str, event: Event, worker: str | None = None) -> None:
        """Keep an event, in one transaction with the run's new state; `worker` trains the run.

        Events of a run that has been deleted are dropped.
        """
        with self.transaction() as connection:
            event_writer.record(connection, self._is(run_id), run_id, event, worker)

    def _update(self, connection: sa.Connection, run_id: str, **changes: Any) -> bool:
        """Change a run's row; False when the run no longer exists."""
        return event_writer.update(connection, self._is(run_id), **changes)

    def _is(self, run_id: str) -> sa.ColumnElement[bool]:
        """Condition on the runs table: this run, unless it is another owner's."""
        this = schema.runs.c.id == run_id
        return this if self.owner is None else this & (schema.runs.c.owner == self.owner)

    def _of(self, table: sa.Table, run_id: str) -> sa.ColumnElement[bool]:
        """Condition on a table with a column `run`: this run's rows, unless it is another's."""
        this: sa.ColumnElement[bool] = table.c.run == run_id
        if self.owner is None:
            return this
        return this & sa.exists().where(self._is(run_id)).correlate(None)

    # What was kept

    def steps(self, run_id: str) -> StepMetrics:
        """Loss and accuracy of every step, in order. Reads only what is new since the last call."""
        with self.transaction() as connection:
            query = sa.select(schema.runs.c.attempt).where(self._is(run_id))
            if connection.execute(query).scalar() is None:
                return Curve().metrics()
        with self._lock:
            curve = self._curves.setdefault(run_id, Curve())
            self._curves.move_to_end(run_id)
            while len(self._curves) > CACHED_CURVES:
                self._curves.popitem(last=False)
        with curve.lock, self.transaction() as connection:
            # Read in one transaction with the rows, which a new attempt cuts.
            curve.forget_unless(connection.execute(query).scalar())
            rows = sa.select(
                schema.steps.c.number,
                schema.steps.c.first_step,
                schema.steps.c.loss,
                schema.steps.c.accuracy,
            ).where(schema.steps.c.run == run_id, schema.steps.c.number > curve.last_row)
            for row in connection.execute(rows.order_by(schema.steps.c.number)):
                curve.append(*row)
            return curve.metrics()

    def epochs(self, run_id: str) -> list[Epoch]:
        """The epochs that have ended, in order."""
        columns = [schema.epochs.c[field.name] for field in fields(Epoch)]
        query = sa.select(*columns).where(self._of(schema.epochs, run_id))
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(schema.epochs.c.epoch)).all()
        return [_epoch(row._asdict()) for row in rows]

    def snapshots(self, run_id: str) -> list[SnapshotInfo]:
        """The kept weights of a run, in the order of their steps."""
        columns = [schema.snapshots.c[field.name] for field in fields(SnapshotInfo)]
        query = sa.select(*columns).where(self._of(schema.snapshots, run_id))
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(schema.snapshots.c.step)).all()
        return [SnapshotInfo(**row._asdict()) for row in rows]

    def weights(self, run_id: str, step: int | None = None) -> list[npt.NDArray[Any]] | None:
        """Weights after `step` (by default the newest), in `model.get_weights()` order.

        None when none are kept. Raises StoreError when they are damaged.
        """
        table = schema.snapshots
        query = sa.select(table.c.weights).where(self._of(table, run_id))
        if step is not None and not 0 <= step <= MOST_STEPS:
            return None
        if step is not None:
            query = query.where(table.c.step == step)
        with self.transaction() as connection:
            data = connection.execute(query.order_by(table.c.step.desc()).limit(1)).scalar()
        try:
            return None if data is None else list(unpack_arrays(data))
        except ValueError:
            when = "Its last snapshot is" if step is None else f"Its weights at step {step:,} are"
            raise StoreError(f"{when} damaged and cannot be read; choose another one.") from None

    def resume_point(self, run_id: str) -> Resume | None:
        """The point to go on from: the newest snapshot with the optimiser's state, if any.

        Raises StoreError when that is damaged or gone.
        """
        runs = schema.runs.c
        query = sa.select(runs.checkpoint, runs.checkpoint_step, runs.seconds)
        with self.transaction() as connection:
            row = connection.execute(query.where(self._is(run_id))).one_or_none()
        if row is None or row.checkpoint is None:
            return None
        try:
            weights = self.weights(run_id, row.checkpoint_step)
        except Unavailable:
            raise
        except StoreError:
            raise StoreError(
                f"The run cannot go on: its snapshot at step {row.checkpoint_step:,} is damaged. "
                "Its curve is kept; start it again."
            ) from None
        if weights is None:
            raise StoreError(
                f"The run cannot go on: its snapshot at step {row.checkpoint_step:,} is gone. Its "
                "curve is kept; start it again."
            )
        last = row.checkpoint_step
        before = [epoch.val_loss for epoch in self.epochs(run_id) if epoch.step <= last]
        losses = tuple(val_loss for val_loss in before if val_loss is not None)
        kept = tuple(kept.step for kept in self.snapshots(run_id) if kept.step <= last)
        metrics = self.steps(run_id)
        ended = max((epoch.step for epoch in self.epochs(run_id) if epoch.step <= last), default=0)
        begun = (metrics.step > ended) & (metrics.step <= last)
        return Resume(last, tuple(weights), row.checkpoint, row.seconds, losses, kept,
                      metrics.loss[begun], metrics.accuracy[begun])  # fmt: skip


def is_passing(error: BaseException | None, store: Store) -> bool:
    """True when the database was unavailable, whoever met it: an error that has that for its cause.

    Optuna wraps what SQLAlchemy raises.
    """
    while error is not None:
        if isinstance(error, SQLAlchemyError):
            error = explain(error, store.engine)
        if isinstance(error, Unavailable):
            return True
        error = error.__cause__
    return False


def _runs(rows: Iterable[Any]) -> list[Run]:
    """The rows as runs; one that is damaged hides no other."""
    found = []
    for row in rows:
        try:
            found.append(_run(row))
        except (ValueError, TypeError):
            log.exception("the record of a run is damaged", extra={"run": row.id})
    return found


def _run(row: Any) -> Run:
    values = row._asdict()
    values["experiment"] = _experiment(values["experiment"])
    values["tags"] = tuple(json.loads(values["tags"]))
    values["changes"] = _changes(values["changes"])
    return Run(**values)


@lru_cache(maxsize=2048)
def _experiment(text: str) -> Experiment:
    return Experiment.from_json(text)


@lru_cache(maxsize=256)
def _changes(text: str) -> tuple[Change, ...]:
    return changes.from_json(text)


def _epoch(values: dict[str, Any]) -> Epoch:
    # SQLite keeps NaN as NULL. Without validation images both of their figures are None.
    never_none = ["loss", "accuracy"]
    if values["val_accuracy"] is not None:
        never_none.append("val_loss")
    return Epoch(**values | {name: math.nan for name in never_none if values[name] is None})


def _now() -> datetime:
    return datetime.now(UTC)


def _next_number(connection: sa.Connection, owner: str, row: int) -> int:
    """The number of the owner's run in this row: it goes on from their newest numbered run.

    Runs since then that were given other names count, too.
    """
    runs = schema.runs.c
    newest = sa.select(runs.name).where(runs.owner == owner, runs.number < row)
    names = connection.execute(newest.order_by(runs.number.desc()).limit(MOST_RENAMED)).scalars()
    since = 1
    for name in names:
        if found := _NUMBERED.search(name):
            return int(found[1]) + since
        since += 1
    return since


def _queued_now(connection: sa.Connection) -> datetime:
    """The present moment; after a clock was set back, one behind all that wait already."""
    active = schema.runs.c.status.in_(ACTIVE)
    last = connection.execute(sa.select(sa.func.max(schema.runs.c.queued)).where(active)).scalar()
    return _now() if last is None else max(_now(), last + timedelta(microseconds=1))
