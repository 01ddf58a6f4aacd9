"""What the page says of a run is true, whatever has happened to its worker or its database."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from mnist_core.base import logs
from mnist_core.engine import liveness
from mnist_core.engine.engine import Engine
from mnist_core.storage import database
from mnist_core.storage.schema import runs, snapshots, steps
from mnist_core.storage.store import Store, StoreError, Unavailable
from tests.support.postgres import postgres_server
from tests.support.runs import FAKE, LONG, is_status, reach, recorded, wait, whole
from tests.support.train_page import ENGINES, button, errors, open_page, press
from tests.support.train_page import fake_training as fake_training


def status(app: AppTest) -> str:
    """What stands beside the run's status."""
    assert not app.exception, app.exception
    names = ("queued", "running", "paused", "finished", "stopped", "failed")
    found = [item.value for item in app.markdown if any(f"**{n}**" in item.value for n in names)]
    assert found, "no status is shown"
    return found[0]


def trained_page() -> tuple[AppTest, Engine, str]:
    """The Train page with a run that trains."""
    app = open_page(preset="two-layer", epochs="200")
    press(app, "Start training")
    engine = ENGINES[0]
    run_id = engine.store.runs()[0].id
    reach(engine.store, run_id, lambda run: run.step > 12)
    return app, engine, run_id


# A worker that is halted


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """As by SIGSTOP, and as one that swaps or hangs in native code."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_worker_that_falls_silent_is_told_and_speaks_again(monkeypatch) -> None:
    monkeypatch.setattr(liveness, "PROCESS_SECONDS", 1.0)
    app, engine, run_id = trained_page()
    store = engine.store
    with halted(engine.worker_pid()):
        wait(lambda: store.run(run_id).unheard, "a word about the silence")
        app.run()
        assert "no response for" in status(app) and "images/s" not in status(app)
        assert any("click **Stop**" in item.value for item in app.warning)
        reached = store.run(run_id).step
    reach(store, run_id, lambda run: run.unheard is None and run.step > reached + 5)
    app.run()
    assert "**running**" in status(app) and "no response" not in status(app)
    assert whole(store, run_id)


def test_stop_ends_a_run_whose_worker_hangs_and_the_next_one_trains(store, monkeypatch) -> None:
    monkeypatch.setattr(liveness, "PROCESS_HANGS_SECONDS", 1.0)
    engine = Engine(store, trainer=FAKE)
    try:
        run_id, waiting = engine.start(LONG), engine.start(LONG)
        reach(store, run_id, lambda run: run.step > 12)
        pid = engine.worker_pid()
        os.kill(pid, signal.SIGSTOP)
        wait(lambda: engine._tasks.get(run_id).hangs, "the silence")
        engine.stop(run_id)
        run = store.run(run_id)
        assert run.status == "stopped" and "did not respond" in run.message
        assert f"from step {run.checkpoint_step}" in run.message and whole(store, run_id)
        reach(store, waiting, lambda run: run.step > 3)
        assert engine.worker_pid() != pid
        engine.stop(waiting)
        engine.continue_run(run_id)
        reach(store, run_id, lambda run: run.step > 15 and run.status == "running")
        assert whole(store, run_id)
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("process", "training", "seconds", "hangs"),
    [
        (0.5, None, None, False),
        (0.5, 3.0, None, False),
        (6.0, None, 6.0, False),
        (0.5, 9.0, 9.0, False),
        (11.0, 12.0, 12.0, True),
        (0.5, 61.0, 61.0, True),
    ],
)
def test_when_silence_is_worth_a_word(process, training, seconds, hangs) -> None:
    assert liveness.unheard(process, training) == seconds
    assert liveness.hangs(process, training) is hangs


# The database's file


def test_a_home_that_is_moved_away_holds_training_until_it_is_back(home: Path) -> None:
    app, engine, run_id = trained_page()
    store = engine.store
    elsewhere = home.with_name("elsewhere")
    app.run()
    home.rename(elsewhere)
    wait(lambda: engine.storage_error, "word that the file is gone")
    app.run()
    assert "no longer in its place" in errors(app) and "Training waits" in errors(app)
    assert "**paused**" in status(app)
    with pytest.raises(Unavailable, match="Put it back"):
        engine.start(LONG)
    assert not home.exists()
    elsewhere.rename(home)
    reached = reach(store, run_id, lambda run: run.status == "running").step
    reach(store, run_id, lambda run: run.step > reached + 5)
    assert whole(store, run_id)
    app.run()
    assert not errors(app)


def test_another_file_in_the_place_of_the_database_is_not_taken_for_it(home: Path) -> None:
    store = Store()
    recorded(store)
    (home / "lab.db").rename(home / "first.db")
    with pytest.raises(Unavailable, match="no longer in its place"):
        store.runs()
    (home / "lab.db").write_bytes(b"")
    with pytest.raises(Unavailable, match="Another file"):
        store.runs()
    (home / "first.db").rename(home / "lab.db")
    assert len(store.runs()) == 1


# Snapshots that are gone


def remove_snapshots(store: Store, run_id: str) -> None:
    with store.transaction() as connection:
        connection.execute(snapshots.delete().where(snapshots.c.run == run_id))


def test_only_a_run_that_can_go_on_offers_it(home: Path) -> None:
    store = Store()
    run_id = recorded(store)
    with store.transaction() as connection:
        message = "It ended. It can be resumed from step 1,200, its last snapshot."
        values = {"status": "failed", "message": message, "interrupted": True}
        connection.execute(sa.update(runs).values(**values))
    app = open_page()
    assert not button(app, "Resume").disabled and "last snapshot" in app.error[0].value
    remove_snapshots(store, run_id)
    app.run()
    assert button(app, "Resume").disabled
    (said,) = [item.value for item in app.error]
    assert "it cannot be resumed" in said and "last snapshot" not in said
    engine = ENGINES[0]
    with pytest.raises(StoreError, match=r"no snapshot|is gone"):
        engine.continue_run(run_id)
    run = store.run(run_id)
    assert run.status == "failed" and run.step == 200 and run.checkpoint_step is None
    assert len(store.steps(run_id).step) == 200 and whole(store, run_id)


def test_snapshots_that_go_between_the_press_and_the_start_drop_no_step(
    store: Store, monkeypatch
) -> None:
    run_id = recorded(store)
    engine = Engine(store, trainer=FAKE)
    try:
        point = store.resume_point(run_id)
        monkeypatch.setattr(Store, "resume_point", lambda self, run: None)
        with pytest.raises(StoreError, match="no snapshot"):
            engine.continue_run(run_id)
        points = [point]
        monkeypatch.setattr(
            Store, "resume_point", lambda self, run: (points and points.pop()) or None
        )
        engine.continue_run(run_id)
        run = reach(store, run_id, is_status("failed"))
        assert "no snapshot" in run.message and whole(store, run_id)
        with store.transaction() as connection:
            kept = connection.execute(sa.select(sa.func.sum(steps.c.count))).scalar()
        assert kept == 200
    finally:
        engine.close()


# A database on the network that is away


def test_a_database_that_is_away_is_a_sentence_and_the_status_stays(monkeypatch, caplog) -> None:
    with postgres_server() as server:
        monkeypatch.setenv("MNIST_LAB_DATABASE", server.url)
        monkeypatch.setattr(database, "CONNECT_SECONDS", 1)
        app, engine, run_id = trained_page()
        reached = engine.store.run(run_id).step
        app.run()
        server.stop()
        caplog.clear()
        wait(lambda: engine.storage_error, "word that the database is away")
        for _ in range(3):
            app.run()
            assert "**paused**" in status(app)
            said = errors(app)
            assert "does not respond" in said and "nothing is lost" in said
            assert "127.0.0.1" not in said and str(server.port) not in said
        press(app, "Pause")
        assert "**paused**" in status(app)
        repeats = logs.Repeats()
        lines = [record for record in caplog.records if repeats.filter(record)]
        assert sum(len(line.getMessage()) for line in lines) < 4000, lines
        server.start()
        wait(lambda: engine.storage_error is None, "the end of the trouble")
        reach(engine.store, run_id, lambda run: run.step > reached + 5)
        app.run()
        assert not errors(app) and whole(engine.store, run_id)


def test_a_database_that_is_away_at_the_start_is_a_sentence(monkeypatch) -> None:
    url = "postgresql+psycopg://lab@127.0.0.1:9/postgres"
    monkeypatch.setenv("MNIST_LAB_DATABASE", url)
    app = open_page()
    assert "does not respond" in errors(app)
    assert "127.0.0.1" not in errors(app) and "psycopg" not in errors(app)
