"""What happened is kept: exactly, once, and whoever reads it."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from mnist_core import PRESETS
from mnist_core.storage.store import Store, StoreError
from mnist_core.training.events import Epoch, Failed, Finished, Snapshot, Started, Steps
from mnist_core.visitors import heartbeat
from tests.support.runs_in_store import ended_run

CNN = PRESETS["cnn"]


def steps_event(first: int, values: list[float], total: int = 1000, **more) -> Steps:
    loss = np.array(values, np.float32)
    return Steps(first, loss, loss / 10, 0.01, 1, 0.5, total, **more)


def snapshot(step: int, checkpoint: bytes | None = b"state") -> Snapshot:
    return Snapshot(step, step / 100, (np.full((2, 3), step, np.float32),), 0.9, checkpoint)


def started_run(store: Store, step: int = 0) -> str:
    run_id = store.create_run(CNN, preset="cnn")
    store.record(run_id, Started(1000, 100, 34_826, "float32", step))
    return run_id


def test_a_run_from_queued_to_finished(store: Store) -> None:
    run_id = store.create_run(CNN, preset="cnn")
    run = store.run(run_id)
    assert (run.status, run.preset, run.experiment) == ("queued", "cnn", CNN)
    assert run.created.tzinfo is not None and run.started is None
    store.record(run_id, Started(1000, 100, 34_826))
    store.record(run_id, steps_event(1, [2.0, 1.5]))
    run = store.run(run_id)
    assert (run.status, run.step, run.loss) == ("running", 2, 1.5) and run.started
    store.record(run_id, Epoch(1, 100, 0.5, 0.8, 0.4, 0.9, 3.0))
    store.record(run_id, Finished(1000, 1, 0.1, 0.97, "target", 12.0))
    run = store.run(run_id)
    assert (run.status, run.test_accuracy, run.val_accuracy) == ("finished", 0.97, 0.9)
    assert "target" in run.message and run.ended and not run.active
    assert store.epochs(run_id) == [Epoch(1, 100, 0.5, 0.8, 0.4, 0.9, 3.0)]


def test_a_run_whose_record_lacks_the_length_of_an_epoch_has_those_planned(store: Store) -> None:
    run_id = started_run(store)
    store.set_status(run_id, "finished", step=5, steps_per_epoch=0)
    assert store.run(run_id).epochs == store.run(run_id).experiment.training.epochs


def test_pauses_stops_and_failures_show(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, steps_event(1, [], paused=True))
    assert store.run(run_id).status == "paused"
    store.record(run_id, Finished(1, 1, None, None, "stopped", 1.0))
    assert store.run(run_id).status == "stopped"
    other = started_run(store)
    store.record(other, Failed(3, 1, "The loss was no longer a number."))
    assert (store.run(other).status, store.run(other).message[:8]) == ("failed", "The loss")


def test_a_run_taken_for_dead_that_lives_says_nothing_of_it(store: Store) -> None:
    steps, finished = steps_event(1, [2.0]), Finished(1, 1, None, None, "stopped", 1.0)
    for event in (steps, finished):
        run_id = started_run(store)
        heartbeat.mark_interrupted(store)
        taken = store.run(run_id)
        assert taken.interrupted and "server went down" in taken.message
        store.record(run_id, event)
        lives = store.run(run_id)
        assert (lives.interrupted, lives.message) == (False, "")
    store.say(run_id, "Its minutes were up.")
    store.record(run_id, steps)
    store.record(run_id, finished)
    assert store.run(run_id).message == "Its minutes were up."


def test_a_run_that_ends_while_its_server_is_looked_for_keeps_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, taken_over, lost = (started_run(store) for _ in range(3))
    rows = heartbeat._rows

    def meanwhile(asked: Store) -> list[object]:
        if asked is not store:  # an engine that an earlier test has left asks too
            return rows(asked)
        store.record(ended, Finished(1, 1, 0.3, 0.9, "target", 1.0))
        store.queue_again(taken_over, "another server")
        return []

    monkeypatch.setattr(heartbeat, "_rows", meanwhile)
    heartbeat.mark_interrupted(store)
    found = [store.run(run_id) for run_id in (ended, taken_over, lost)]
    assert [run.status for run in found] == ["finished", "queued", "stopped"]
    assert [run.interrupted for run in found] == [False, False, True]


def test_steps_are_exact_and_read_piece_by_piece(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, steps_event(1, [2.0, np.inf, 1.0]))
    assert store.steps(run_id).step.tolist() == [1, 2, 3]
    store.record(run_id, steps_event(4, [np.nan, 0.5]))
    metrics = store.steps(run_id)
    np.testing.assert_array_equal(metrics.loss, np.float32([2, np.inf, 1, np.nan, 0.5]))
    assert metrics.step.tolist() == [1, 2, 3, 4, 5] and metrics.loss.dtype == np.float32


def test_a_long_run_is_read_once(store: Store) -> None:
    run_id = started_run(store)
    for first in range(1, 100_001, 1000):
        store.record(run_id, steps_event(first, list(range(first, first + 1000)), 100_000))
    rows = 0

    def count_rows(connection, cursor, statement, *_):
        nonlocal rows
        rows += "FROM steps" in statement

    assert len(store.steps(run_id).step) == 100_000
    store.record(run_id, steps_event(100_001, [7.0], 100_001))
    sa.event.listen(store.engine, "after_cursor_execute", count_rows)
    metrics = store.steps(run_id)
    assert metrics.step[-1] == 100_001 and metrics.loss[-1] == 7.0
    assert rows == 1 and store._curves[run_id].last_row == 101


def test_going_on_drops_what_will_be_repeated(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, steps_event(1, [9, 8, 7, 6, 5]))
    store.record(run_id, snapshot(3))
    store.record(run_id, steps_event(6, [4, 3]))
    store.record(run_id, snapshot(7, checkpoint=None))
    store.record(run_id, Epoch(1, 7, 0.5, 0.8, None, None, 3.0))
    assert len(store.steps(run_id).step) == 7
    point = store.resume_point(run_id)
    assert (point.step, point.checkpoint) == (3, b"state")
    np.testing.assert_array_equal(point.weights[0], np.full((2, 3), 3, np.float32))
    assert (point.seconds, point.val_losses) == (0.5, ())
    reader = Store()
    reader.steps(run_id)
    store.record(run_id, Started(1000, 100, 34_826, step=3))
    store.record(run_id, steps_event(4, [66, 55]))
    for reading in (store, reader):
        metrics = reading.steps(run_id)
        assert metrics.loss.tolist() == [9, 8, 7, 66, 55] and metrics.step.tolist() == [
            1,
            2,
            3,
            4,
            5,
        ]
    assert [s.step for s in store.snapshots(run_id)] == [3] and store.epochs(run_id) == []
    reader.close()


def test_where_a_run_goes_on_tells_how_it_went_up_to_there(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, steps_event(1, [2.0] * 30))
    for epoch, val_loss in enumerate((0.5, None, float("nan"), 0.75), 1):
        accuracy = None if val_loss is None else 0.8
        store.record(run_id, Epoch(epoch, 10 * epoch, 0.5, 0.8, val_loss, accuracy, 3.0))
    store.record(run_id, snapshot(30))
    store.record(run_id, Finished(40, 4, None, None, "stopped", 12.5))
    point = store.resume_point(run_id)
    assert point.seconds == 12.5
    np.testing.assert_equal(point.val_losses, (0.5, np.nan))


def test_snapshots_come_back_exactly(store: Store) -> None:
    run_id = started_run(store)
    weights = (np.random.default_rng(0).random((3, 3), np.float32), np.float32([np.nan, 1]))
    store.record(run_id, Snapshot(0, 0.0, weights))
    store.record(run_id, snapshot(5))
    for kept, sent in zip(store.weights(run_id, 0), weights, strict=True):
        np.testing.assert_array_equal(kept, sent)
    assert store.weights(run_id)[0][0, 0] == 5
    assert store.weights(run_id, 4) is None and store.weights("nothing") is None
    assert [(s.step, s.val_accuracy) for s in store.snapshots(run_id)] == [(0, None), (5, 0.9)]


def test_a_snapshot_takes_the_place_of_another(store: Store) -> None:
    run_id, other = started_run(store), started_run(store)
    for step in (1, 2, 3):
        store.record(run_id, snapshot(step))
        store.record(other, snapshot(step))
    store.record(run_id, replace(snapshot(4), replaces=2))
    assert [s.step for s in store.snapshots(run_id)] == [1, 3, 4]
    assert store.resume_point(run_id).kept == (1, 3, 4)
    assert [s.step for s in store.snapshots(other)] == [1, 2, 3]


def test_deleting_takes_everything_and_later_events_are_dropped(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, steps_event(1, [1.0]))
    store.delete(run_id)
    for event in (steps_event(2, [1.0]), snapshot(2), Epoch(1, 2, 1, 1, 1, 1, 1)):
        store.record(run_id, event)
    assert store.run(run_id) is None and store.runs() == []
    assert len(store.steps(run_id).step) == 0 and store.snapshots(run_id) == []


def test_owners_order_and_names(store: Store) -> None:
    first, second = store.create_run(CNN), store.create_run(CNN, owner="somebody")
    third = store.create_run(CNN, preset="cnn")
    assert [run.id for run in store.runs()] == [third, first]
    assert [run.id for run in store.runs(owner=None)] == [third, second, first]
    assert [store.run(run).name.rpartition("run ")[2] for run in (first, second, third)] == [
        "1", "1", "2"
    ]  # fmt: skip
    store.rename(first, "<b>mine</b>")
    assert store.run(first).name == "<b>mine</b>"
    with pytest.raises(ValueError, match="1 to 120"):
        store.rename(first, " ")
    # Nobody gets a number twice for having deleted a run or given one another name.
    store.delete(first)
    fourth = store.create_run(CNN)
    assert store.run(fourth).name.endswith("run 3")
    store.rename(fourth, "mine")
    assert store.run(store.create_run(CNN)).name.endswith("run 4")


def test_many_threads_write_while_others_read(store: Store) -> None:
    ids = [started_run(store) for _ in range(4)]

    def write(run_id: str) -> None:
        for first in range(1, 50):
            store.record(run_id, steps_event(first, [float(first)]))

    threads = [threading.Thread(target=write, args=(run_id,)) for run_id in ids]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for run_id in ids:
            steps = store.steps(run_id).step.tolist()
            assert steps == list(range(1, len(steps) + 1))
    for run_id in ids:
        assert store.steps(run_id).loss.tolist() == list(range(1, 50))


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="MNIST_LAB_HOME"):
        Store(home=tmp_path / "file" / "home")
    (tmp_path / "essay.txt").write_bytes(os.urandom(4096))
    with pytest.raises(StoreError, match="MNIST_LAB_DATABASE"):
        Store(url=f"sqlite:///{tmp_path / 'essay.txt'}")
    with pytest.raises(StoreError, match="MNIST_LAB_DATABASE"):
        Store(url="postgresql+nothing://localhost/none")


def test_figures_that_are_not_numbers_stay_so(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, Epoch(1, 100, 0.5, 0.8, float("nan"), 0.1, 3.0))
    store.record(run_id, Epoch(2, 200, float("inf"), 0.8, None, None, 3.0))
    first, second = store.epochs(run_id)
    assert np.isnan(first.val_loss) and first.val_accuracy == 0.1
    assert np.isinf(second.loss) and second.val_loss is None


def test_a_run_put_aside_is_gone_until_it_is_brought_back(store: Store) -> None:
    run_id = started_run(store)
    store.record(run_id, snapshot(10))
    store.put_aside(run_id)
    assert store.run(run_id) is None and store.runs() == []
    assert store.purge() == 0  # it may still be brought back
    store.bring_back(run_id)
    assert store.run(run_id).step == 0 and [s.step for s in store.snapshots(run_id)] == [10]
    store.put_aside(run_id)
    assert store.purge(older_than=timedelta(0)) == 1
    store.bring_back(run_id)
    assert store.run(run_id) is None and store.snapshots(run_id) == []


def test_tags_and_notes_are_kept_and_bounded(store: Store) -> None:
    run_id = started_run(store)
    store.annotate(run_id, ["fast", " fast ", "class 7b", ""], "<b>try again</b>")
    run = store.run(run_id)
    assert run.tags == ("fast", "class 7b") and run.note == "<b>try again</b>"
    for tags, note in ((["x" * 41], ""), ([str(n) for n in range(21)], ""), ([], "x" * 4001)):
        with pytest.raises(ValueError, match="at most"):
            store.annotate(run_id, tags, note)
    assert store.run(run_id) == run


def test_a_database_of_an_earlier_version_gets_the_new_columns(store: Store, home: Path) -> None:
    run_id = started_run(store)
    new = ("tags", "note", "deleted", "study", "trial", "begun_on")
    with store.engine.begin() as connection:
        for index in ("ix_runs_deleted", "ix_runs_study"):
            connection.execute(sa.text(f"DROP INDEX {index}"))
        for column in new:
            connection.execute(sa.text(f"ALTER TABLE runs DROP COLUMN {column}"))
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(Store())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 3  # none of them failed, though all of them upgraded
    run = stores[0].run(run_id)
    assert (run.tags, run.note, run.deleted, run.study) == ((), "", None, None)
    stores[1].annotate(run_id, ["kept"], "")
    assert stores[2].run(run_id).tags == ("kept",)
    for opened in stores:
        opened.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nobody_else_can_read_what_is_kept(home: Path, umask: int) -> None:
    home.rmdir()
    before = os.umask(umask)
    try:
        opened = Store()
        ended_run(opened)
        names = {path.name for path in home.iterdir()}
        assert {"lab.db", "lab.db-wal", "lab.db-shm"} <= names
        for path in (home, *home.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path
        opened.close()
    finally:
        os.umask(before)


def test_what_was_open_to_others_is_closed_and_what_is_everybodys_stays(home: Path) -> None:
    Store().close()
    for path in (home, home / "lab.db"):
        path.chmod(0o777)
    Store().close()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "lab.db").stat().st_mode) == 0o600
    home.chmod(0o1777)
    Store().close()
    assert stat.S_IMODE(home.stat().st_mode) == 0o1777


def test_trials_of_studies_come_last_where_a_menu_asks_for_that(store: Store) -> None:
    by_hand = store.create_run(PRESETS["two-layer"])
    trials = [
        store.create_run(PRESETS["two-layer"], study="s", trial=number) for number in range(3)
    ]
    assert [run.id for run in store.runs()] == [*reversed(trials), by_hand]
    assert [run.id for run in store.runs(limit=2, trials_last=True)] == [by_hand, trials[-1]]
