"""The monitor alone: what each look finds and says, without a thread or a worker."""

from __future__ import annotations

import threading

import pytest

from mnist_core.engine import liveness
from mnist_core.engine import monitor as module
from mnist_core.engine.dask_client import WorkerInfo
from mnist_core.engine.monitor import Monitor
from mnist_core.engine.run_messages import LOST
from mnist_core.engine.run_task import LOOKS, MAX_TRIES
from mnist_core.visitors.visitors import Absences
from tests.support.engine_parts import WORKER, Future, Parts


@pytest.fixture
def monitor(parts: Parts) -> Monitor:
    return Monitor(parts.store, parts.tasks, parts.connection, parts.messages, parts.commands,
                   parts.live, Absences(parts.store))  # fmt: skip


def test_a_scheduler_that_has_gone_is_reached_again_for_what_waits(
    monitor: Monitor, parts: Parts
) -> None:
    parts.connection.there = False
    monitor.watch_scheduler()
    assert parts.connection.calls == []
    parts.queued()
    monitor.watch_scheduler()
    assert parts.connection.calls == ["open"]


def test_a_run_that_had_not_begun_when_its_worker_died_waits_again(
    monitor: Monitor, parts: Parts
) -> None:
    task = parts.handed_out()
    for _ in range(MAX_TRIES - 1):
        before, task.taken, task.future = task.attempt, True, Future([])
        task.future.status = "error"
        monitor.watch_tasks()
        assert task.attempt != before and task.future is None and not task.over
        assert parts.tasks.turn.is_set()
    task.future = Future([])
    task.future.status = "error"
    monitor.watch_tasks()
    assert task.over and parts.told()["kind"] == LOST


def test_a_run_whose_worker_is_missing_for_some_looks_is_lost(
    monitor: Monitor, parts: Parts
) -> None:
    task = parts.training()
    parts.connection.known = None  # the scheduler does not answer: no death of a worker
    for _ in range(2 * LOOKS):
        monitor.watch_tasks()
    assert not task.over
    parts.connection.known = []
    for _ in range(LOOKS):
        assert not task.over
        monitor.watch_tasks()
    assert task.over and "was killed" in task.loss and parts.told()["kind"] == LOST
    monitor.watch_tasks()
    assert not len(parts.messages)


@pytest.mark.parametrize(
    ("status", "hangs", "sentence", "calls"),
    [
        ("error", False, "was killed", []),
        ("lost", False, "connection to the scheduler was lost", []),
        ("error", True, "stopped responding", ["end worker"]),
    ],
)
def test_how_a_run_was_lost_is_said(
    monitor: Monitor, parts: Parts, status: str, hangs: bool, sentence: str, calls: list[str]
) -> None:
    task = parts.training()
    task.future.status, task.hangs = status, hangs
    monitor.watch_tasks()
    assert sentence in task.loss and parts.connection.calls == calls


def test_a_worker_that_ends_as_soon_as_it_starts_is_told_to_all_who_wait(
    monitor: Monitor, parts: Parts
) -> None:
    trains, waits = parts.training(), parts.queued()
    parts.connection.exit_code = 3
    monitor.watch_worker()
    assert "exit code 3" in waits.loss and not trains.over
    assert parts.told()["run"] == waits.run_id


def test_a_worker_that_the_scheduler_has_long_not_known_is_ended(
    monitor: Monitor, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.connection.known = []
    monitor.watch_worker()
    assert parts.connection.calls == []
    monkeypatch.setattr(module, "GIVEN_UP_SECONDS", -1.0)
    monitor.watch_worker()
    assert parts.connection.calls == ["end worker"]


def test_silence_is_noted_and_taken_back(
    monitor: Monitor, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = parts.training()
    monitor.watch_liveness()
    assert parts.store.run(task.run_id).unheard is None
    monkeypatch.setattr(liveness, "PROCESS_SECONDS", -1.0)
    monitor.watch_liveness()
    assert parts.store.run(task.run_id).unheard is not None
    monkeypatch.undo()
    parts.connection.known = [WorkerInfo(WORKER, 1, 0, sign=1.0)]
    monitor.watch_liveness()
    assert parts.store.run(task.run_id).unheard is None


def test_a_run_that_has_had_its_share_is_stopped_once(
    monitor: Monitor, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = parts.training()
    monitor.watch_limits()
    assert not task.stopping
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    monkeypatch.setenv("MNIST_LAB_MAX_MINUTES", "0.001")
    monitor.watch_limits()
    monitor.watch_limits()
    assert parts.sender.sent == [(task.run_id, {"stop": True})]
    assert "limit" in parts.store.run(task.run_id).message


def test_runs_of_servers_that_are_gone_are_marked(monitor: Monitor, parts: Parts) -> None:
    task = parts.queued()  # this server has no entry, as if it were gone
    monitor.sweep()
    run = parts.store.run(task.run_id)
    assert run.status == "stopped" and run.interrupted


def test_a_look_that_fails_keeps_no_other_from_its_own(
    monitor: Monitor, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()

    def break_off() -> None:
        raise RuntimeError("Dask has changed")

    monkeypatch.setattr(module, "MONITOR_SECONDS", 0.0)
    monkeypatch.setattr(parts.connection, "drop_lost", break_off)
    monkeypatch.setattr(parts.live, "ask_all", closed.set)
    monitor.run(closed)
    assert closed.is_set()


def test_while_the_database_takes_nothing_the_monitor_asks_it_nothing(
    monitor: Monitor, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, asked = threading.Event(), []
    monkeypatch.setattr(module, "MONITOR_SECONDS", 0.0)
    monkeypatch.setattr(parts.live, "ask_all", closed.set)
    monkeypatch.setattr(parts.commands, "take_remote", lambda: asked.append("commands"))
    parts.tasks.storage_error = "the disk is full"
    monitor.run(closed)
    assert asked == []
    parts.tasks.storage_error = None
    closed.clear()
    monitor.run(closed)
    assert asked == ["commands"]
