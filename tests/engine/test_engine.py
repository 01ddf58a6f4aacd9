"""The engine with a real worker process: start, steer, queue, die, go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.base import child_process, environments
from mnist_core.base.paths import REPOSITORY
from mnist_core.engine import worker
from mnist_core.engine.dask_client import Connection
from mnist_core.engine.engine import Engine
from mnist_core.engine.scheduler import newest_snapshot, pack
from mnist_core.storage.store import Store, StoreError
from mnist_core.training.events import Epoch, Finished, Snapshot, Started, to_message
from mnist_core.visitors import heartbeat
from tests.support.runs import FAKE, LONG, SHORT, is_status, reach, wait, whole


@pytest.fixture(scope="module", autouse=True)
def forked_workers() -> Iterator[None]:
    """Workers are forked here, where that can be done; in other modules they are started."""
    child_process.start_fork_server("mnist_core.engine.worker_main")
    yield
    child_process.stop_fork_server()


@pytest.fixture
def engine(store: Store) -> Iterator[Engine]:
    opened = Engine(store, trainer=FAKE)
    yield opened
    opened.close()


def test_a_run_streams_into_the_store_and_ends(engine: Engine, store: Store) -> None:
    run_id = engine.start(SHORT, preset="two-layer")
    assert store.run(run_id).status == "queued"
    reach(store, run_id, lambda run: 0 < run.step < 20)
    run = reach(store, run_id, is_status("finished"))
    assert (run.step, run.test_accuracy) == (20, 0.9) and whole(store, run_id)
    assert len(store.epochs(run_id)) == 1 and len(store.snapshots(run_id)) == 4
    assert engine.workers()[0].threads == 1


def test_pause_step_resume_and_stop(engine: Engine, store: Store) -> None:
    run_id = engine.start(LONG)
    reach(store, run_id, lambda run: run.step > 3)
    engine.pause(run_id)
    paused = reach(store, run_id, is_status("paused"))
    engine.send(run_id, step=1)
    reach(store, run_id, lambda run: run.step == paused.step + 1 and run.status == "paused")
    engine.resume(run_id)
    reach(store, run_id, lambda run: run.step > paused.step + 4)
    engine.stop(run_id)
    reach(store, run_id, is_status("stopped"))
    assert whole(store, run_id)


def test_runs_wait_their_turn_and_can_be_stopped_while_they_wait(
    engine: Engine, store: Store
) -> None:
    first, second, third = engine.start(LONG), engine.start(LONG), engine.start(SHORT)
    reach(store, first, is_status("running"))
    assert engine.place(first) is None
    assert [engine.place(run).ahead for run in (second, third)] == [1, 2]
    engine.stop(second)
    assert store.run(second).status == "stopped" and engine.place(third).ahead == 1
    engine.stop(first)
    reach(store, third, is_status("finished"))
    assert store.run(second).step == 0


def test_commands_before_the_start_are_kept(engine: Engine, store: Store) -> None:
    run_id = engine.start(LONG)
    engine.send(run_id, step=2)
    assert reach(store, run_id, is_status("paused")).step == 2


def test_where_a_run_goes_on_reaches_the_worker_whole(store: Store) -> None:
    run_id = store.create_run(SHORT)
    store.record(run_id, Started(20, 20, 7))
    store.record(run_id, Snapshot(20, 1.0, (np.arange(3, dtype=np.float32),), 0.5, b"state"))
    store.record(run_id, Epoch(1, 20, 0.5, 0.5, 0.4, 0.6, 1.0))
    store.record(run_id, Finished(20, 1, 0.3, 0.9, "epochs", 7.5))
    packed = pack(newest_snapshot(store, store.run(run_id)))
    np.testing.assert_equal(vars(worker._resume(packed)), vars(store.resume_point(run_id)))


class Handed:
    """What stands for Dask's future of a run, with the commands that went along."""

    def __init__(self, commands: list[dict[str, object]]) -> None:
        self.commands, self.status = list(commands), "pending"

    def cancel(self) -> None:
        self.status = "cancelled"


def test_commands_before_the_start_outlive_the_worker_that_had_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Handed] = []

    def submit(_self, orders, _number) -> Handed:
        handed.append(Handed(orders[0]["commands"]))
        return handed[-1]

    monkeypatch.setattr(Connection, "there", True)
    monkeypatch.setattr(Connection, "submit", submit)
    engine = Engine(store, trainer=FAKE)
    try:
        run_id = store.create_run(SHORT)
        store.record(run_id, Started(20, 20, 7))
        store.record(run_id, Snapshot(20, 1.0, (np.zeros(3, np.float32),), 0.5, b"state"))
        store.record(run_id, Finished(20, 1, 0.3, 0.9, "epochs", 1.0))
        engine.continue_run(run_id, epochs=2)
        wait(lambda: handed, "its turn")
        engine.send(run_id, pause=True)
        handed[0].status = "error"
        wait(lambda: len(handed) == 2, "another attempt")
        assert [kept.commands for kept in handed] == [
            [{"epochs": 2}],
            [{"epochs": 2}, {"pause": True}],
        ]
        task = engine._tasks.get(run_id)
        started = {"run": run_id, "attempt": task.attempt, "worker": "tcp://127.0.0.1:1"}
        engine._messages.receive(to_message(Started(60, 20, 7, step=20)) | started)
        wait(lambda: task.worker is not None, "the start")
        assert task.given == []
    finally:
        engine.close()


def test_a_killed_worker_is_told_and_the_next_run_starts(engine: Engine, store: Store) -> None:
    first, second = engine.start(LONG), engine.start(SHORT)
    reach(store, first, lambda run: run.step > 12)
    os.kill(engine.worker_pid(), signal.SIGKILL)
    run = reach(store, first, is_status("failed"))
    assert (
        f"at step {run.step}" in run.message and f"from step {run.checkpoint_step}" in run.message
    )
    assert len(store.steps(first).step) == run.step and whole(store, first)
    assert reach(store, second, is_status("finished")).step == 20
    engine.continue_run(first)
    reach(store, first, lambda run: run.step > 15 and run.status == "running")
    engine.stop(first)
    reach(store, first, is_status("stopped"))
    assert whole(store, first)


def test_going_on_adds_epochs_each_time(engine: Engine, store: Store) -> None:
    run_id = engine.start(SHORT)
    for epochs in (2, 3):
        reach(store, run_id, is_status("finished"))
        engine.continue_run(run_id, epochs=1)
        end = 20 * epochs
        run = reach(store, run_id, lambda run, end=end: run.step == end and not run.active)
        assert run.total_steps == 20 * epochs and run.epochs == epochs
    assert whole(store, run_id)


def test_training_that_raises_is_a_sentence(engine: Engine, store: Store) -> None:
    run_id = engine.start(SHORT.model_copy(update={"name": "refuses"}))
    run = reach(store, run_id, is_status("failed"))
    assert "there is no such network" in run.message
    following = engine.start(SHORT)
    reach(store, following, is_status("finished"))


def test_a_run_stopped_while_it_prepares_stays_stopped(engine: Engine, store: Store) -> None:
    reach(store, engine.start(SHORT), is_status("finished"))
    run_id = engine.start(LONG.model_copy(update={"name": "prepares"}))
    wait(lambda: engine._tasks.get(run_id).taken, "the worker's word that it has the run")
    engine.stop(run_id)
    assert reach(store, engine.start(SHORT), is_status("finished"))
    run = store.run(run_id)
    assert (run.status, run.step) == ("stopped", 0)


def test_runs_started_at_once_keep_their_order(engine: Engine, store: Store) -> None:
    runs = [engine.start(experiment) for experiment in (LONG, SHORT, SHORT, SHORT)]
    reach(store, runs[0], lambda run: run.step > 3)
    os.kill(engine.worker_pid(), signal.SIGKILL)
    ended = [reach(store, run, is_status("finished")) for run in runs[1:]]
    started = [run.started.timestamp() for run in ended]
    assert store.run(runs[0]).status == "failed" and started == sorted(started)


def test_commands_to_a_worker_that_hangs_do_not_hang_the_page(engine: Engine, store: Store) -> None:
    run_id = engine.start(LONG)
    reach(store, run_id, lambda run: run.step > 3)
    pid = engine.worker_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        process = psutil.Process(pid)
        wait(lambda: process.status() == psutil.STATUS_STOPPED, "the halt")
        engine.pause(run_id)  # comes back while the worker cannot answer
        assert process.status() == psutil.STATUS_STOPPED
    finally:
        os.kill(pid, signal.SIGCONT)
    reach(store, run_id, is_status("paused"))


def test_a_moment_without_the_database_loses_nothing(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, failures = store.record, []

    def record_later(run_id, event, *more):
        if event.kind in ("epoch", "finished") and event.kind not in failures:
            failures.append(event.kind)
            raise StoreError("the disk is full")
        record(run_id, event, *more)

    monkeypatch.setattr(store, "record", record_later)
    run_id = engine.start(SHORT)
    reach(store, run_id, is_status("finished"))
    assert failures == ["epoch", "finished"] and len(store.epochs(run_id)) == 1


SERVER = """
import sys, time
from mnist_core import Experiment
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
engine = Engine(Store(), trainer="tests.support.fake_training:train")
for _ in range(2):
    engine.start(Experiment.from_query("preset=two-layer&epochs=200"))
while not engine.worker_pid():
    time.sleep(0.05)
print(engine.worker_pid(), flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return not status.stdout.startswith("Z")


def test_after_the_death_of_the_server_runs_are_interrupted_and_can_go_on(store: Store) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    worker = int(server.stdout.readline())
    wait(lambda: store.runs() and store.runs()[-1].step > 12, "steps of the other server")
    # A second server on the same database leaves the first one's runs alone.
    neighbour = Engine(store, trainer=FAKE)
    assert store.runs()[-1].status == "running"
    neighbour.close()
    assert store.runs()[-1].status == "running"
    server.kill()
    server.wait()
    server.stdout.close()
    wait(lambda: not alive(worker), "the worker's end with its server")
    engine = Engine(store, trainer=FAKE)
    try:
        waiting, running = store.runs()
        assert running.status == waiting.status == "stopped"
        assert running.interrupted and waiting.interrupted
        assert "server went down" in running.message and "from step" in running.message
        assert "before this run started" in waiting.message
        assert whole(store, running.id) and len(store.steps(running.id).step) == running.step
        engine.continue_run(running.id)
        run = reach(store, running.id, lambda run: run.step > running.step + 5)
        assert run.status == "running" and not run.interrupted
        assert whole(store, running.id)
    finally:
        engine.close()


def test_a_scheduler_that_is_not_there_is_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.engine.dask_client.CONNECT_SECONDS", 1)
    engine = Engine(store, scheduler="tcp://127.0.0.1:9", trainer=FAKE)
    try:
        run = reach(store, engine.start(PRESETS["cnn"]), is_status("failed"))
        assert "tcp://127.0.0.1:9 cannot be reached" in run.message
    finally:
        engine.close()


def test_a_worker_that_has_grown_large_is_renewed_while_idle(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.engine.scheduler.RENEW_SECONDS", 0.0)
    first = engine.start(LONG)
    reach(store, first, lambda run: run.step > 3)
    pid = engine.worker_pid()
    monkeypatch.setattr("mnist_core.engine.worker_process.MOST_BYTES", 0)
    monkeypatch.setattr("mnist_core.engine.worker_process.GROWTH_BYTES", -1)
    reach(store, first, lambda run: run.step > 60)  # it has been looked at twice
    assert engine.worker_pid() == pid
    engine.stop(first)
    wait(lambda: engine.worker_pid() not in (pid, None), "a fresh worker")
    looks: list[None] = []
    fresh, renew = engine.worker_pid(), Connection.renew_worker
    monkeypatch.setattr(
        Connection, "renew_worker", lambda self, awaited=False: looks.append(renew(self, awaited))
    )
    wait(lambda: len(looks) > 2, "looks at its size")
    assert engine.worker_pid() == fresh  # one that has not trained is left alone
    run = reach(store, engine.start(SHORT), is_status("finished"))
    assert run.step == 20


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_a_fork_server_that_hangs_keeps_no_run_waiting(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.warm()
    wait(engine.ready, "the worker")
    with monkeypatch.context() as impatient:
        impatient.setattr(child_process, "ANSWER_SECONDS", 0.2)
        psutil.Process(child_process._server.pid).suspend()
        os.kill(engine.worker_pid(), signal.SIGKILL)
        wait(lambda: engine.worker_pid() is None, "the order of another worker")
    reach(store, engine.start(SHORT), is_status("finished"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a fresh one takes seconds")
def test_a_worker_that_has_grown_large_is_renewed_between_runs_in_their_order(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.engine.worker_process.MOST_BYTES", 0)
    monkeypatch.setattr("mnist_core.engine.worker_process.GROWTH_BYTES", -1)
    runs = [engine.start(SHORT) for _ in range(4)]
    ended = [reach(store, run, is_status("finished")) for run in runs]
    started = [run.started.timestamp() for run in ended]
    assert started == sorted(started)
    assert len({run.worker for run in ended}) == 4, "each has a worker of its own"
    assert all(run.step == 20 and whole(store, run.id) for run in ended)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a fresh one takes seconds")
def test_a_run_has_a_worker_whose_threads_suit_its_network(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environments.THREADS, "2")
    wide = Experiment.from_query({"layers": "flatten;dense(units:4096)", "epochs": "5"})
    workers = [
        reach(store, engine.start(each), is_status("finished")).worker
        for each in (SHORT, SHORT, wide, wide, SHORT)
    ]
    assert workers[0] == workers[1] and workers[2] == workers[3]
    assert len(set(workers)) == 3


def test_a_server_that_does_not_take_its_turn_holds_nobody_up(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one on the same scheduler, which lives and has stopped to hand out runs."""
    engine.warm()
    wait(engine.ready, "the worker")
    heartbeat.register(store, "hangs", engine._connection.scheduler_id)
    both = {engine.id, "hangs"}
    wait(lambda: heartbeat.sharing_workers(store, engine.id) == both, "its own entry's scheduler")
    theirs = store.create_run(SHORT, server="hangs")
    monkeypatch.setattr("mnist_core.engine.scheduler.PATIENCE_SECONDS", 3600.0)
    ours = engine.start(SHORT, owner="somebody else")
    wait(lambda: theirs in engine._scheduler._others_due, "a look at whose turn it is")
    assert engine.place(ours).ahead == 1 and not engine._tasks.get(ours).due
    monkeypatch.setattr("mnist_core.engine.scheduler.PATIENCE_SECONDS", 0.0)
    reach(store, ours, is_status("finished"))
    assert store.run(theirs).status == "queued"


# Two epochs of eight steps each: small enough to be trained for real.
REAL = Experiment.from_query(
    "layers=conv(filters:4,kernel_size:3);dropout(rate:0.3);flatten;dense(units:8);batch_norm"
    "&epochs=2&batch_size=64&training_images=500&seed=3&augment_shift=1"
)


def test_a_paused_run_gives_its_worker_up_and_resumes_with_the_same_numbers(store: Store) -> None:
    engine = Engine(store)
    try:
        # The worker loads TensorFlow first.
        unbroken = reach(store, engine.start(REAL), is_status("finished"), seconds=240).id
        run_id = engine.start(REAL)
        engine.send(run_id, step=11)  # into the second epoch
        reach(store, run_id, lambda run: run.status == "paused" and run.step == 11)
        other = engine.start(REAL.model_copy(update={"name": "waits"}))
        assert reach(store, other, is_status("finished")).step == 16
        assert store.run(run_id).gave_way
        engine.resume(run_id)
        ended = reach(store, run_id, is_status("finished"))
        assert (ended.step, ended.test_loss) == (16, store.run(unbroken).test_loss)
        np.testing.assert_equal(vars(store.steps(run_id)), vars(store.steps(unbroken)))
        told = [
            [(e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in store.epochs(run)]
            for run in (run_id, unbroken)
        ]
        assert told[0] == told[1] and len(told[0]) == 2
        for mine, theirs in zip(store.weights(run_id), store.weights(unbroken), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    finally:
        engine.close()


def test_stop_and_epochs_reach_a_run_that_gave_its_worker_away(
    engine: Engine, store: Store
) -> None:
    first = engine.start(LONG)
    reach(store, first, lambda run: run.step > 3)
    engine.send(first, epochs=1)
    engine.pause(first)
    reach(store, first, is_status("paused"))
    second = engine.start(LONG)
    reach(store, second, is_status("running"))
    reached = store.run(first)
    engine.resume(first)
    assert engine.place(first).ahead == 1
    engine.stop(second)
    run = reach(store, first, lambda run: run.step > reached.step)
    assert run.total_steps == 20 * 201 and whole(store, first)
    engine.pause(first)
    reach(store, first, is_status("paused"))
    third = engine.start(LONG)
    reach(store, third, is_status("running"))
    engine.stop(first)
    assert store.run(first).status == "stopped" and store.run(third).status == "running"
