"""SQLite and PostgreSQL keep the same of what comes from outside: times, texts, numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from mnist_core.files import runfile
from mnist_core.storage import corrections
from mnist_core.storage.store import MOST_STEPS, Store
from tests.support.runs_in_store import SMALL, ended_run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def opened_from_file(store: Store, **facts: object) -> str:
    """A run that comes from a file which says these things; its id."""
    made = runfile.from_store(store, store.run(ended_run(store)))
    told = replace(made, facts=made.facts.model_copy(update=facts))
    return runfile.keep(store, runfile.read(runfile.pack(told)), "local")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2026-01-01T12:00:00+05:00", NOON - timedelta(hours=5)),
        ("2026-01-01T12:00:00Z", NOON),
        ("0001-01-01T00:00:00+23:59", runfile.EARLIEST),
        ("1969-12-31T23:59:59Z", runfile.EARLIEST),
    ],
)
def test_times_of_a_file_are_kept_in_utc(database: Store, said: str, kept: datetime) -> None:
    moment = datetime.fromisoformat(said)
    run = database.run(opened_from_file(database, started=moment, ended=moment))
    assert (run.started, run.ended) == (kept, kept)


@pytest.mark.parametrize("said", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59+23:59"])
def test_no_run_began_in_the_future(database: Store, said: str) -> None:
    moment = datetime.fromisoformat(said)
    run = opened_from_file(database, started=moment, ended=moment)
    assert database.run(run).started <= datetime.now(UTC)
    assert len(database.runs()) == 2 and database.active_runs() == []


@pytest.mark.parametrize("year", [1, 2026, 9999])
@pytest.mark.parametrize("hours", [-23, 0, 23])
def test_any_moment_is_read_back(database: Store, year: int, hours: int) -> None:
    moment = datetime(year, 12 if year > 1 else 1, 31, 23, tzinfo=timezone(timedelta(hours=hours)))
    run = ended_run(database)
    database.set_status(run, "finished", started=moment)
    read = database.run(run).started
    assert read.tzinfo == UTC and abs(read - moment) <= timedelta(days=4)
    assert year != 2026 or read == moment


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\0", "\N{PILE OF POO}" * 40, "a\u202eb"])
def test_any_text_is_kept(database: Store, text: str) -> None:
    run = database.create_run(SMALL.model_copy(update={"name": ""}), title=text)
    database.rename(run, text)
    database.annotate(run, [text], text)
    found = database.run(run)
    assert found.name and found.note and len(found.tags) == 1
    assert "\0" not in found.name and found.name.encode()
    assert database.run(text) is None


def test_a_name_is_cut_to_what_fits(database: Store) -> None:
    run = database.create_run(SMALL.model_copy(update={"name": ""}), title="x" * 500)
    name = database.run(run).name
    assert len(name) == 120 and name.endswith("x · run 1")


@pytest.mark.parametrize("step", [-1, MOST_STEPS, 2**31, 2**63, -(10**30), 10**30])
def test_there_are_no_weights_at_an_impossible_step(database: Store, step: int) -> None:
    assert database.weights(ended_run(database), step) is None


@pytest.mark.parametrize(
    "facts",
    [{"seconds": 1e-320}, {"test_loss": 1e308}, {"test_loss": 5e-324}, {"learning_rate": 1e-300},
     {"images_per_second": 1e12}, {"note": "a" * 4000}, {"name": "\N{PILE OF POO}" * 120}],
)  # fmt: skip
def test_extreme_facts_of_a_file_are_kept(database: Store, facts: dict[str, object]) -> None:
    run = database.run(opened_from_file(database, **facts))
    for name, value in facts.items():
        assert getattr(run, name) == value


def test_a_file_says_nothing_about_how_fast_this_server_is(database: Store) -> None:
    run = opened_from_file(database, images_per_second=1e12)
    assert database.run(run).images_per_second == 1e12
    assert database.timed_runs() == []
    # Nor when somebody lets it go on and stops it before it has trained here.
    database.queue_again(run, "a server")
    database.set_status(run, "stopped")
    assert database.timed_runs() == []
    own = ended_run(database)
    timed = {"step_seconds": 0.01, "other_seconds": 2.0}
    database.set_status(own, "finished", server="a server", **timed)
    assert [found.id for found in database.timed_runs()] == [own]


def test_corrections_are_kept_and_the_last_word_counts(database: Store) -> None:
    drawings = np.eye(28, dtype=np.float32), np.zeros((28, 28), np.float32)
    for drawing, label in ((drawings[0], 4), (drawings[1], 5), (drawings[0], 9)):
        corrections.add(database, "someone", drawing, label)
    kept = corrections.load(database, "someone")
    assert kept.labels.tolist() == [5, 9] and (kept.ink[1] == drawings[0]).all()
    corrections.remove(database, "someone", 0)
    assert corrections.load(database, "someone").labels.tolist() == [9]
