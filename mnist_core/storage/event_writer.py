"""Changes of the database by an event of training: the run's row, and what is kept beside it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mnist_core.experiment import changes as mid_run
from mnist_core.experiment.spec import Experiment
from mnist_core.storage import schema
from mnist_core.training.events import (
    Changed,
    Epoch,
    Event,
    Failed,
    Finished,
    Live,
    Released,
    Snapshot,
    Started,
    Steps,
    pack_arrays,
)

_Condition = sa.ColumnElement[bool]

_ENDINGS = {
    "minutes": "It stopped because its time was up.",
    "target": "It stopped because it reached the target accuracy.",
    "no improvement": "It stopped because the validation loss no longer improved.",
}

# Of a run that lives, whatever another server took its silence for: its sentence goes with it, that
# of whoever stopped it stays. An UPDATE reads the values from before it.
_NOT_INTERRUPTED = {
    "message": sa.case((schema.runs.c.interrupted, ""), else_=schema.runs.c.message),
    "interrupted": False,
}


def record(
    connection: sa.Connection,
    this: _Condition,
    run_id: str,
    event: Event,
    worker: str | None = None,
) -> None:
    """Keep an event of the run that the condition `this` on the runs table picks.

    Events of a run that no longer exists are dropped.
    """
    if isinstance(event, Started):
        _record_started(connection, this, run_id, event, worker)
    elif isinstance(event, Steps):
        _record_steps(connection, this, run_id, event)
    elif isinstance(event, Epoch):
        _record_epoch(connection, this, run_id, event)
    elif isinstance(event, Snapshot):
        _record_snapshot(connection, this, run_id, event)
    elif isinstance(event, Changed):
        _record_change(connection, this, event)
    elif isinstance(event, Released):
        update(connection, this, status="paused", turn=None, worker=None, unheard=None)
    elif isinstance(event, Live):
        return  # worth seeing only while it happens
    else:
        _record_end(connection, this, event)


def update(connection: sa.Connection, this: _Condition, **changes: Any) -> bool:
    """Change a run's row; False when the run no longer exists."""
    return connection.execute(schema.runs.update().where(this).values(**changes)).rowcount > 0


def _record_started(
    connection: sa.Connection, this: _Condition, run_id: str, event: Started, worker: str | None
) -> None:
    latest: dict[str, Any] = {"step": event.step} if event.step else {"step": 0, "epoch": 0}
    known = update(
        connection,
        this,
        status="running",
        worker=worker,
        message="",
        interrupted=False,
        attempt=schema.runs.c.attempt + 1,
        started=sa.func.coalesce(
            schema.runs.c.started, sa.literal(datetime.now(UTC), schema.UtcTime)
        ),
        ended=None,
        unheard=None,
        total_steps=event.total_steps,
        steps_per_epoch=event.steps_per_epoch,
        parameters=event.parameters,
        precision=event.precision,
        epochs_planned=event.epochs,
        test_loss=None,
        test_accuracy=None,
        **latest,
    )
    # A run that goes on starts again from its snapshot: what came after it will be repeated.
    if known:
        _forget_after(connection, run_id, event.step)
        # Training makes these again.
        kept = [change for change in _changes(connection, this) if change.step < event.step]
        update(connection, this, changes=mid_run.to_json(kept))


def _record_steps(connection: sa.Connection, this: _Condition, run_id: str, event: Steps) -> None:
    changes: dict[str, Any] = {
        "status": "paused" if event.paused else "running",
        "seconds": event.seconds,
        "seconds_left": event.seconds_left,
        "ended": None,
        "unheard": None,
        **_NOT_INTERRUPTED,
    }
    if len(event.loss):
        changes |= {
            "step": event.last_step,
            "epoch": event.epoch,
            "loss": float(event.loss[-1]),
            "accuracy": float(event.accuracy[-1]),
            "learning_rate": event.learning_rate,
            "images_per_second": event.images_per_second,
            "total_steps": event.total_steps,
        }
        if event.epochs is not None:
            changes["epochs_planned"] = event.epochs
    if update(connection, this, **changes) and len(event.loss):
        connection.execute(
            schema.steps.insert().values(
                run=run_id,
                first_step=event.first_step,
                count=len(event.loss),
                loss=event.loss.astype("<f4").tobytes(),
                accuracy=event.accuracy.astype("<f4").tobytes(),
            )
        )


def _record_epoch(connection: sa.Connection, this: _Condition, run_id: str, event: Epoch) -> None:
    changes = {"val_loss": event.val_loss, "val_accuracy": event.val_accuracy}
    if update(connection, this, epoch=event.epoch, **changes):
        values = {field.name: getattr(event, field.name) for field in fields(event)}
        connection.execute(schema.epochs.insert().values(run=run_id, **values))


def _record_snapshot(
    connection: sa.Connection, this: _Condition, run_id: str, event: Snapshot
) -> None:
    changes: dict[str, Any] = {"dead_units": event.dead_units}
    if event.checkpoint is not None:
        changes |= {"checkpoint": event.checkpoint, "checkpoint_step": event.step}
    if update(connection, this, **changes):
        if event.replaces is not None:
            old = (schema.snapshots.c.run == run_id) & (schema.snapshots.c.step == event.replaces)
            connection.execute(schema.snapshots.delete().where(old))
        weights = pack_arrays(event.weights)
        connection.execute(
            schema.snapshots.insert().values(
                run=run_id,
                step=event.step,
                epoch=event.epoch,
                val_accuracy=event.val_accuracy,
                bytes=len(weights),
                weights=weights,
            )
        )


def _record_change(connection: sa.Connection, this: _Condition, event: Changed) -> None:
    change = mid_run.Change(event.step, Experiment.from_json(event.experiment))
    made = [*_changes(connection, this), change]
    update(
        connection,
        this,
        changes=mid_run.to_json(made),
        total_steps=event.total_steps,
        steps_per_epoch=event.steps_per_epoch,
        epochs_planned=event.epochs,
    )


def _changes(connection: sa.Connection, this: _Condition) -> tuple[mid_run.Change, ...]:
    text = connection.execute(sa.select(schema.runs.c.changes).where(this)).scalar()
    return mid_run.from_json(text or "[]")


def _record_end(connection: sa.Connection, this: _Condition, event: Finished | Failed) -> None:
    changes: dict[str, Any] = {"ended": datetime.now(UTC), "seconds_left": None}
    if isinstance(event, Failed):
        changes |= {"status": "failed", "message": event.reason}
    else:
        changes |= {
            "status": "stopped" if event.reason == "stopped" else "finished",
            "test_loss": event.test_loss,
            "test_accuracy": event.test_accuracy,
            "seconds": event.seconds,
            "step_seconds": event.step_seconds,
            "other_seconds": event.other_seconds,
            "misread": event.misread,
            **_NOT_INTERRUPTED,
        }
        # Whoever stopped it may have said why beforehand.
        if event.reason != "stopped":
            changes["message"] = _ENDINGS.get(event.reason, "")
    update(connection, this, **changes)


def _forget_after(connection: sa.Connection, run_id: str, step: int) -> None:
    """Drop what a run recorded after `step`; a row of steps that straddles it is cut."""
    table = schema.steps
    of_run = table.c.run == run_id
    straddling = connection.execute(
        sa.select(table).where(of_run, table.c.first_step + table.c.count - 1 > step)
    ).all()
    for row in straddling:
        keep = step - row.first_step + 1
        if keep > 0:
            values = {"loss": row.loss[: 4 * keep], "accuracy": row.accuracy[: 4 * keep]}
            change = table.update().where(table.c.number == row.number)
            connection.execute(change.values(count=keep, **values))
    connection.execute(table.delete().where(of_run, table.c.first_step > step))
    for other in (schema.epochs, schema.snapshots):
        connection.execute(other.delete().where(other.c.run == run_id, other.c.step > step))
