"""Limits on what one visitor may ask of this server, and the sentence for each.

A single-user lab (`LOCAL`) has none. With `MNIST_LAB_PUBLIC=1` those of `PUBLIC` hold; the
setting `MNIST_LAB_MAX_EPOCHS=20` changes the limit `epochs`, and so on for each field of
`Limits`; the value `none` lifts it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import Field, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from mnist_core.experiment.spec import Experiment

if TYPE_CHECKING:
    from mnist_core.experiment.study import StudySpec

log = logging.getLogger(__name__)

PUBLIC_SETTING = "MNIST_LAB_PUBLIC"
PREFIX = "MNIST_LAB_MAX_"


class Refused(RuntimeError):
    """A request beyond a limit; the message says which, and what to do."""


@dataclass(frozen=True)
class Limits:
    """None means: no limit.

    `runs_at_once` is a visitor's, queued ones included, `waiting` everyone's in the queue;
    `kept_runs` and `kept_megabytes` a visitor's, for `kept_days` after they last had a page open;
    `parameters`, `epochs` and `step_multiplications` (of all images in a batch) belong to one
    experiment. A run ends after `minutes` of training, `pause_minutes` in one pause, or when its
    visitor has had no page open for `away_minutes`; one that waits leaves the queue after
    `away_queued_seconds` without them. `upload_megabytes` is for each of
    `upload_files`; files that are open take `session_upload_megabytes` of a session and
    `server_upload_megabytes` of all together, `address_upload_megabytes` of those from one network
    address. A visitor keeps `kept_data` data sets of their own,
    each of at most `data_images`. `address_…` are for all visitors from one network address
    together: runs that wait or train, starts and new visitors within an hour, megabytes kept;
    `server_runs` and `server_megabytes` for everyone's runs and data sets together. A study may
    have `study_trials`, of which `trials_at_once` train, and asks for no more after
    `study_minutes`.
    """

    public: bool = False
    runs_at_once: int | None = None
    waiting: int | None = None
    kept_runs: int | None = None
    kept_megabytes: int | None = None
    kept_days: float | None = None
    parameters: int | None = None
    epochs: int | None = None
    step_multiplications: int | None = None
    minutes: float | None = None
    pause_minutes: float | None = None
    away_minutes: float | None = None
    away_queued_seconds: float | None = None
    upload_megabytes: int | None = None
    upload_files: int | None = None
    session_upload_megabytes: int | None = None
    address_upload_megabytes: int | None = None
    server_upload_megabytes: int | None = None
    kept_data: int | None = None
    data_images: int | None = None
    address_runs: int | None = None
    address_starts: int | None = None
    address_visitors: int | None = None
    address_megabytes: int | None = None
    server_runs: int | None = None
    server_megabytes: int | None = None
    study_trials: int | None = None
    study_minutes: float | None = None
    trials_at_once: int | None = None


# Open files are held in memory, so that there is a bound for a lab of one's own, too.
LOCAL = Limits(session_upload_megabytes=500, server_upload_megabytes=1000)
PUBLIC = Limits(
    public=True,
    runs_at_once=1,
    waiting=200,
    kept_runs=50,
    kept_megabytes=400,
    kept_days=90,
    parameters=1_000_000,
    epochs=50,
    step_multiplications=50_000_000_000,
    minutes=15,
    pause_minutes=10,
    away_minutes=10,
    away_queued_seconds=50,
    upload_megabytes=25,
    upload_files=30,
    session_upload_megabytes=200,
    address_upload_megabytes=250,
    server_upload_megabytes=300,
    kept_data=4,
    data_images=100_000,
    # A school is one address: a class of 40 may train at once, three classes come in an hour.
    address_runs=40,
    address_starts=400,
    address_visitors=120,
    address_megabytes=4_000,
    server_runs=20_000,
    server_megabytes=20_000,
    study_trials=30,
    study_minutes=20,
    trials_at_once=1,
)


def current() -> Limits:
    """The limits of this server, from its settings."""
    # Whoever sets it to something odd means a shared server: that is the safe reading.
    base = LOCAL if _public_setting() in _NO else PUBLIC
    changes, wrong = _settings()
    for problem in set(wrong) - _said:  # asked for all the time, said once
        _said.add(problem)
        log.error("%s", problem)
    return replace(base, **changes)  # type: ignore[arg-type]


_NO, _YES = ("", "0", "false", "no", "off"), ("1", "true", "yes", "on")


def _public_setting() -> str:
    return os.environ.get(PUBLIC_SETTING, "").strip().lower()


_said: set[str] = set()


def names() -> set[str]:
    """The environment variables that change a limit."""
    return set(_fields())


def _fields() -> dict[str, Field[Any]]:
    """The limits that can be set, by the names of their environment variables."""
    return {PREFIX + field.name.upper(): field for field in fields(Limits)
            if field.name != "public"}  # fmt: skip


def setting_problems() -> list[str]:
    """Sentences about mistakes in the settings that change limits."""
    return _settings()[1]


def _settings() -> tuple[dict[str, float | None], list[str]]:
    """The limits that are set, by field, and a sentence for each setting that is no number."""
    changes: dict[str, float | None] = {}
    wrong = []
    if (public := _public_setting()) not in (*_NO, *_YES):
        wrong.append(f"{PUBLIC_SETTING}={public} is read as 1; write 1 or 0")
    for name, field in _fields().items():
        if text := os.environ.get(name, "").strip():
            try:
                changes[field.name] = _number(text, whole="int" in str(field.type))
            except ValueError:
                wrong.append(f"{name}={text} is not a positive number; the default limit applies")
    return changes, wrong


def _number(text: str, whole: bool) -> float | None:
    if text.lower() == "none":
        return None
    value = int(text) if whole else float(text)
    if not 0 < value < 1e15:
        raise ValueError(text)
    return value


def experiment_problem(
    experiment: Experiment, limits: Limits, epochs: int | None = None
) -> str | None:
    """The reason why this server does not train the experiment (for `epochs` in all), or None."""
    shapes = experiment.network.shapes()
    parameters = sum(row.parameters for row in shapes)
    if limits.parameters is not None and parameters > limits.parameters:
        return (
            f"This network has {parameters:,} parameters; this server trains up to "
            f"{limits.parameters:,}. Use smaller or fewer layers."
        )
    wanted = epochs or experiment.training.epochs
    if limits.epochs is not None and wanted > limits.epochs:
        return f"You chose {wanted} epochs; a run on this server has at most {limits.epochs}."
    work = sum(row.multiplications for row in shapes) * experiment.training.batch_size
    most = limits.step_multiplications
    if most is not None and work > most:
        return (
            f"One step of this network takes {work:.2g} multiplications; this server allows "
            f"{most:.2g}. Use a smaller batch size, or smaller layers."
        )
    return None


def study_problem(spec: StudySpec, limits: Limits) -> str | None:
    """The reason why this server does not run the study, or None."""
    if limits.study_trials is not None and spec.most_trials > limits.study_trials:
        return (
            f"This study has {spec.most_trials:,} trials; this server allows at most "
            f"{limits.study_trials}."
        )
    return experiment_problem(spec.base, limits, spec.most_epochs)


def upload_problem(sizes: Sequence[int], limits: Limits) -> str | None:
    """The reason why files of these sizes in bytes are not taken, or None."""
    if limits.upload_files is not None and len(sizes) > limits.upload_files:
        return f"You chose {len(sizes)} files; this server accepts {limits.upload_files} at once."
    most = limits.upload_megabytes
    if most is not None and max(sizes, default=0) > 1_000_000 * most:
        return f"One of these files is larger than the {most} MB that this server accepts."
    return None


def rules(limits: Limits) -> str:
    """The limits of a run here, as a sentence for those who start one; empty without limits."""
    parts = [
        limits.runs_at_once and f"{_counted(limits.runs_at_once, 'run')} at a time",
        limits.epochs and f"at most {_counted(limits.epochs, 'epoch')}",
        limits.parameters and f"{limits.parameters:,} parameters",
        limits.minutes and _counted(limits.minutes, "minute"),
    ]
    said = ", ".join(part for part in parts if part)
    sentences = [f"On this shared server: {said}."] if said else []
    if limits.away_minutes:
        away = _counted(limits.away_minutes, "minute")
        sentences.append(f"A run stops after {away} without an open page.")
    if limits.away_queued_seconds:
        away = _counted(limits.away_queued_seconds, "second")
        sentences.append(f"A queued run leaves the queue after {away} without one.")
    if limits.kept_days:
        days = _counted(limits.kept_days, "day")
        sentences.append(
            f"Your runs, studies, data sets and corrections are deleted {days} after your last "
            "visit."
        )
    return " ".join(sentences)


def _counted(count: float, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"{count:,.10g} {noun}s"
