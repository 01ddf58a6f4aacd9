"""The studies that there are, and which server drives each: one row a study, beside the runs.

A study that runs belongs to one server of those on the database. It takes the study with one
conditional UPDATE, so that of two that try only one succeeds, and asks before each step whether
the study is still its own; a server that is gone loses it (`mark_interrupted`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mnist_core.experiment.study import StudySpec
from mnist_core.storage import schema
from mnist_core.storage.schema import sweeps
from mnist_core.storage.store import Store
from mnist_core.visitors import heartbeat

ACTIVE = ("running", "stopping")
INTERRUPTED = (
    "Interrupted: the server went down while this study ran. Its trials’ results are kept; "
    "resume it to continue."
)


@dataclass(frozen=True)
class Study:
    """A study as it stands.

    `status` is one of new, running, stopping, stopped, interrupted, finished and failed;
    `message` a sentence for the person, empty while all is well.
    """

    id: str
    name: str
    owner: str
    spec: StudySpec
    status: str
    message: str
    server: str
    created: datetime
    began: datetime | None
    ended: datetime | None

    @property
    def active(self) -> bool:
        """True while a server drives it."""
        return self.status in ACTIVE


@dataclass(frozen=True)
class RunState:
    """The little of a run that a study looks at ten times a second."""

    id: str
    status: str
    epoch: int


_COLUMNS = [sweeps.c[field.name] for field in fields(Study)]
_STATE = [schema.runs.c[field.name] for field in fields(RunState)]


def create(store: Store, spec: StudySpec, owner: str) -> str:
    """Note a new study, which nobody drives yet; returns its id."""
    study_id = secrets.token_urlsafe(9)
    with store.transaction() as connection:
        result = connection.execute(
            sweeps.insert().values(
                id=study_id,
                name=spec.name,
                owner=owner,
                spec=spec.model_dump_json(),
                status="new",
                created=datetime.now(UTC),
            )
        )
        if not spec.name:
            number = result.inserted_primary_key[0]  # type: ignore[index]
            _update(connection, study_id, name=f"Study {number}")
    return study_id


def get(store: Store, study_id: str) -> Study | None:
    """The study, or None when there is none (any more)."""
    with store.transaction() as connection:
        row = connection.execute(sa.select(*_COLUMNS).where(sweeps.c.id == study_id)).one_or_none()
    return None if row is None else _study(row)


def studies(store: Store, owner: str | None) -> list[Study]:
    """The owner's studies (everyone's with None), newest first."""
    query = sa.select(*_COLUMNS).order_by(sweeps.c.number.desc())
    if owner is not None:
        query = query.where(sweeps.c.owner == owner)
    with store.transaction() as connection:
        return [_study(row) for row in connection.execute(query)]


def claim(store: Store, study_id: str, server: str, spec: StudySpec | None = None) -> bool:
    """Make the study `server`'s own and running; False when a living server drives it.

    With `spec` it goes on under that one: its budget may have grown.
    """
    free = sweeps.c.status.not_in(ACTIVE) | sweeps.c.server.not_in(heartbeat.living(store))
    with store.transaction() as connection:
        query = sweeps.update().where(sweeps.c.id == study_id, free)
        now = datetime.now(UTC)
        values = {"server": server, "status": "running", "message": "", "began": now}
        if spec is not None:
            values["spec"] = spec.model_dump_json()
        return connection.execute(query.values(**values, ended=None)).rowcount > 0


def ask_to_stop(store: Store, study_id: str) -> None:
    """Let whichever server drives the study stop it."""
    with store.transaction() as connection:
        _update(connection, study_id, sweeps.c.status == "running", status="stopping")


def end(store: Store, study_id: str, server: str, status: str, message: str = "") -> None:
    """Say that `server` drives the study no more; nothing when it is another server's by now."""
    values = {"status": status, "message": message, "server": "", "ended": datetime.now(UTC)}
    with store.transaction() as connection:
        _update(connection, study_id, sweeps.c.server == server, **values)


def delete(store: Store, study_id: str) -> None:
    """Forget a study; its runs stay, and Optuna's tables keep its trials for `restore`."""
    with store.transaction() as connection:
        connection.execute(sweeps.delete().where(sweeps.c.id == study_id))


def restore(store: Store, study: Study) -> None:
    """Bring back a study that was deleted as it was then; it is the newest now."""
    values = {field.name: getattr(study, field.name) for field in fields(Study)}
    values["spec"] = study.spec.model_dump_json()
    with store.transaction() as connection:
        there = sa.select(sweeps.c.id).where(sweeps.c.id == study.id)
        if connection.execute(there).first() is None:
            connection.execute(sweeps.insert().values(**values))


def mark_interrupted(store: Store) -> None:
    """Say of studies whose server is gone that they were interrupted."""
    active = sweeps.c.status.in_(ACTIVE)
    with store.transaction() as connection:
        drivers = set(connection.execute(sa.select(sweeps.c.server).where(active)).scalars())
    gone = drivers - heartbeat.living(store) if drivers else set()
    for server in gone:
        values = {"status": "interrupted", "message": INTERRUPTED, "ended": datetime.now(UTC)}
        with store.transaction() as connection:
            of_server = active & (sweeps.c.server == server)
            connection.execute(sweeps.update().where(of_server).values(**values))


def run_states(store: Store, runs: Sequence[str]) -> dict[str, RunState]:
    """The states of these runs; those that no longer exist are left out."""
    query = sa.select(*_STATE).where(schema.runs.c.id.in_(runs))
    with store.transaction() as connection:
        return {row.id: RunState(*row) for row in connection.execute(query)}


def _update(
    connection: sa.Connection, study_id: str, *conditions: sa.ColumnElement[bool], **values: Any
) -> None:
    query = sweeps.update().where(sweeps.c.id == study_id, *conditions)
    connection.execute(query.values(**values))


def _study(row: Any) -> Study:
    values = row._asdict()
    values["spec"] = StudySpec.from_json(values["spec"])
    return Study(**values)
