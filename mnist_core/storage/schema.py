"""The tables: runs, curves, weights, studies, data sets, corrections, visitors, classes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    DefaultClause,
    Engine,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC, also on databases that forget time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as UTC: SQLite would keep the hour and drop the zone that it was in."""
        return None if value is None else in_utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read back what `impl` stored; SQLite drops the zone, which is always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that every database takes: PostgreSQL has no NUL, and UTF-8 no lone surrogates."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Without a length it is a text of any."""
        length = getattr(self.impl_instance, "length", None)
        return dialect.type_descriptor(Text() if length is None else String(length))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what cannot be stored by the sign for an unknown character."""
        if value is None:
            return None
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


# Within these a moment can be read in every zone: a database may answer in its own.
EARLIEST, LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC, one without a zone taken for UTC; no later than `LATEST`."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return min(max(aware, EARLIEST), LATEST).astimezone(UTC)


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Words(24), unique=True, nullable=False),
    Column("name", Words(120), nullable=False),
    Column("owner", Words(80), nullable=False, index=True),
    Column("preset", Words(40)),
    Column("experiment", Words, nullable=False),
    Column("status", Words(12), nullable=False, index=True),
    Column("message", Words, nullable=False, default=""),
    Column("interrupted", Boolean, nullable=False, default=False),
    Column("server", Words(40), nullable=False, default=""),
    Column("worker", Words(120)),
    # How often training started or went on; step rows read before then may be gone.
    Column("attempt", Integer, nullable=False, default=0),
    Column("created", UtcTime, nullable=False),
    # When it was last put into the queue; None for runs of earlier versions.
    Column("queued", UtcTime),
    Column("started", UtcTime),
    Column("ended", UtcTime),
    Column("step", Integer, nullable=False, default=0),
    Column("total_steps", Integer, nullable=False, default=0),
    Column("steps_per_epoch", Integer, nullable=False, default=0),
    Column("epoch", Integer, nullable=False, default=0),
    Column("parameters", Integer, nullable=False, default=0),
    Column("precision", Words(12), nullable=False, default=""),
    Column("learning_rate", Float),
    Column("loss", Float),
    Column("accuracy", Float),
    Column("val_loss", Float),
    Column("val_accuracy", Float),
    Column("images_per_second", Float),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("seconds_left", Float),
    # Of a run without interruption: a step's mean time, and all that it took besides its steps.
    Column("step_seconds", Float),
    Column("other_seconds", Float),
    Column("dead_units", Float),
    Column("test_loss", Float),
    Column("test_accuracy", Float),
    # The state of the optimiser and of dropout after `checkpoint_step` steps.
    Column("checkpoint", LargeBinary),
    Column("checkpoint_step", Integer),
    # What a person adds: labels as a JSON list, a note; and when the run was put aside.
    Column("tags", Words, nullable=False, server_default="[]"),
    Column("note", Words, nullable=False, server_default=""),
    Column("deleted", UtcTime, index=True),
    # What was changed of the experiment in mid-run: a JSON list (see `experiment.changes`); and how
    # many epochs the run is to take by now, None where that follows from its experiment.
    Column("changes", Words, nullable=False, server_default="[]"),
    Column("epochs_planned", Integer),
    # The number of the turn at which it was given to a worker, None while it waits for one.
    Column("turn", Integer),
    # The study that made this run, and which of its trials it is.
    Column("study", Words(24), index=True),
    Column("trial", Integer),
    # Since when the server that trains it has heard nothing of its training.
    Column("unheard", UtcTime),
    # The test images that it reads wrongly (`training.misread`).
    Column("misread", LargeBinary),
    # The server on which its training began, "" of a run that came from elsewhere: `server` changes
    # when a run is continued. None for runs of earlier versions.
    Column("begun_on", Words(40), default=""),
)


def _of_run() -> Column[str]:
    to_run = ForeignKey("runs.id", ondelete="CASCADE")
    return Column("run", Words(24), to_run, nullable=False, index=True)


steps = Table(
    "steps",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _of_run(),
    Column("first_step", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    # float32 little-endian, one value a step.
    Column("loss", LargeBinary, nullable=False),
    Column("accuracy", LargeBinary, nullable=False),
)

epochs = Table(
    "epochs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _of_run(),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("loss", Float),
    Column("accuracy", Float),
    Column("val_loss", Float),
    Column("val_accuracy", Float),
    Column("seconds", Float, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _of_run(),
    Column("step", Integer, nullable=False),
    Column("epoch", Float, nullable=False),
    Column("val_accuracy", Float),
    Column("bytes", Integer, nullable=False),
    Column("weights", LargeBinary, nullable=False),
)

# Data sets of one's own; `content` is an `.npz`, `classes` a JSON list of names.
datasets = Table(
    "datasets",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("owner", Words(80), nullable=False),
    Column("digest", Words(32), nullable=False),
    Column("title", Words(80), nullable=False),
    Column("classes", Words, nullable=False),
    Column("train", Integer, nullable=False),
    Column("test", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("deleted", UtcTime),
    UniqueConstraint("owner", "digest"),
)

# Drawings that were misread; `image` is uint8 [28, 28], `label` the digit that was meant.
corrections = Table(
    "corrections",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("owner", Words(80), nullable=False, index=True),
    Column("image", LargeBinary, nullable=False),
    Column("label", Integer, nullable=False),
    Column("created", UtcTime, nullable=False),
)

servers = Table(
    "servers",
    metadata,
    Column("id", Words(40), primary_key=True),
    Column("host", Words(120), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Float, nullable=False),
    Column("heartbeat", UtcTime, nullable=False),
    # Servers with the same scheduler share its workers. None until it has been reached.
    Column("scheduler", Words(120)),
)

# Hyperparameter studies. Not `studies`: Optuna has tables of that name in the same database.
sweeps = Table(
    "sweeps",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Words(24), unique=True, nullable=False),
    Column("name", Words(120), nullable=False),
    Column("owner", Words(80), nullable=False, index=True),
    Column("spec", Words, nullable=False),
    Column("status", Words(12), nullable=False, index=True),
    Column("message", Words, nullable=False, default=""),
    Column("server", Words(40), nullable=False, default=""),
    Column("created", UtcTime, nullable=False),
    # When it was last started or resumed: from then its minutes count.
    Column("began", UtcTime),
    Column("ended", UtcTime),
)

# Each visitor of a shared server: when they last had a page open and when they first came (None:
# under an earlier version), and the digest of the address that they were last seen at.
visitors = Table(
    "visitors",
    metadata,
    Column("owner", Words(80), primary_key=True),
    Column("seen", UtcTime, nullable=False),
    Column("came", UtcTime),
    Column("address", Words(64), index=True),
)

# Classes that a teacher has opened on a shared server. `until` is when everything in one is
# forgotten, `ended` when its teacher ended it; the rules of its challenge are None without any.
classrooms = Table(
    "classrooms",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Words(24), unique=True, nullable=False),
    Column("code", Words(12), unique=True, nullable=False),
    Column("owner", Words(80), nullable=False, index=True),
    Column("title", Words(80), nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("ended", UtcTime),
    Column("shared", Boolean, nullable=False),
    Column("most_parameters", Integer),
    Column("most_seconds", Float),
    # What the teacher drew last, uint8 [28, 28], for everyone's network to read.
    Column("drawing", LargeBinary),
)

# A visitor is in one class at a time; their runs since `joined` are in it.
pupils = Table(
    "pupils",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column(
        "classroom",
        Words(24),
        ForeignKey("classrooms.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("owner", Words(80), nullable=False, unique=True),
    Column("nickname", Words(24), nullable=False),
    # The nickname without regard to case: no two in a class are alike.
    Column("known_as", Words(80), nullable=False),
    Column("joined", UtcTime, nullable=False),
    UniqueConstraint("classroom", "known_as"),
)

# When an address, a visitor or a study was last served in the queue, as the number of a turn.
turns = Table(
    "turns",
    metadata,
    Column("party", Words(160), primary_key=True),
    Column("turn", Integer, nullable=False, index=True),
)

# Commands to runs that another server on this database trains; gone once that server has them.
commands = Table(
    "commands",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _of_run(),
    Column("command", Words, nullable=False),
)


def upgrade(engine: Engine) -> None:
    """Give a database of an earlier version the columns that it lacks.

    Two servers may do this at once: whoever comes second finds the column there.
    """
    for table in metadata.sorted_tables:
        for column in _missing(engine, table):
            kind = column.type.compile(engine.dialect)
            default = column.server_default
            rest = (
                f" DEFAULT '{default.arg}' NOT NULL" if isinstance(default, DefaultClause) else ""
            )
            try:
                with engine.begin() as connection:
                    connection.execute(
                        text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}{rest}")
                    )
            except DBAPIError:
                if column.name in {missing.name for missing in _missing(engine, table)}:
                    raise


def _missing(engine: Engine, table: Table) -> list[Column[Any]]:
    there = {column["name"] for column in inspect(engine).get_columns(table.name)}
    return [column for column in table.columns if column.name not in there]
