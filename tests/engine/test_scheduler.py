"""The scheduler of runs alone: no thread, no worker, no Dask."""

from __future__ import annotations

import pytest

from mnist_core.engine import scheduler as module
from mnist_core.engine.dask_client import WorkerInfo
from mnist_core.engine.run_task import Task
from mnist_core.engine.scheduler import Scheduler
from mnist_core.storage.store import Store, Unavailable
from mnist_core.training.events import Released, Started
from tests.support.engine_parts import SERVER, Parts, steps
from tests.support.runs import LONG, recorded


@pytest.fixture
def scheduler(parts: Parts) -> Scheduler:
    return Scheduler(parts.store, parts.tasks, parts.connection, parts.messages, parts.commands)


def test_a_run_that_is_queued_wakes_the_scheduler_and_its_worker(
    scheduler: Scheduler, parts: Parts
) -> None:
    task = parts.queued()
    scheduler.enqueue(task)
    assert parts.tasks.turn.is_set() and parts.connection.calls == ["open"]


def test_as_many_runs_are_handed_out_as_there_are_seats(scheduler: Scheduler, parts: Parts) -> None:
    first, second, third = (parts.queued() for _ in range(3))
    parts.connection.known = [WorkerInfo("a", 1, 0), WorkerInfo("b", 1, 0)]
    scheduler.hand_out()
    scheduler.hand_out()
    assert list(parts.connection.handed) == [first.run_id, second.run_id]
    assert first.number < second.number and scheduler.place(third.run_id).ahead == 1
    parts.store.set_status(first.run_id, "stopped")
    parts.tasks.forget(first)
    assert parts.tasks.turn.is_set()
    scheduler.hand_out()
    assert list(parts.connection.handed)[2:] == [third.run_id]


def test_nothing_is_handed_out_before_the_scheduler_is_reached(
    scheduler: Scheduler, parts: Parts
) -> None:
    task = parts.queued()
    parts.connection.there = False
    scheduler.hand_out()
    assert not task.due
    parts.connection.there = True
    scheduler.hand_out()
    assert task.due and task.future is parts.connection.handed[task.run_id]


def test_commands_go_along_and_are_kept_until_the_run_has_begun(
    scheduler: Scheduler, parts: Parts
) -> None:
    task = parts.queued(commands=[{"step": 2}])
    scheduler.hand_out()
    assert task.future.commands == task.given == [{"step": 2}] and not task.commands
    task.try_again()  # its worker has died
    parts.commands.send(task.run_id, pause=True)
    scheduler.hand_out()
    assert task.future.commands == [{"step": 2}, {"pause": True}]


def test_a_run_that_cannot_be_read_when_it_is_its_turn_waits(
    scheduler: Scheduler, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_store: Store, _run_id: str) -> None:
        raise Unavailable("the database is away")

    task = parts.queued()
    with monkeypatch.context() as broken:
        broken.setattr(Store, "run", away)
        scheduler.hand_out()
    assert task.due and task.future is None and not task.over
    scheduler.hand_out()
    assert task.future is not None


def test_a_run_goes_on_from_its_snapshot_or_fails_with_a_sentence(
    scheduler: Scheduler, parts: Parts
) -> None:
    store = parts.store
    with_snapshot = store.run(recorded(store))
    assert module.pack(module.newest_snapshot(store, with_snapshot))["step"] == 200
    without = parts.queued(resume=True)
    store.record(without.run_id, Started(4000, 20, 7))
    store.record(without.run_id, steps(1))
    scheduler.hand_out()
    assert without.over and "no snapshot" in without.loss and not parts.connection.handed
    told = parts.told()
    assert (told["kind"], told["run"]) == ("failed", without.run_id)


def test_a_server_that_does_not_take_its_turn_is_passed_over(
    scheduler: Scheduler, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.heartbeat, "sharing_workers", lambda *_: {SERVER, "hangs"})
    parts.store.create_run(LONG, server="hangs")
    ours = parts.queued(owner="somebody else")
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 3600.0)
    scheduler.hand_out()
    scheduler.hand_out()
    assert not ours.due
    monkeypatch.setattr(module, "PATIENCE_SECONDS", -1.0)
    scheduler.hand_out()
    assert ours.due


def paused(parts: Parts) -> Task:
    """A run that pauses on the only worker."""
    task = parts.training()
    parts.store.set_status(task.run_id, "paused", turn=1)
    task.paused = 0.0
    return task


def test_a_paused_run_is_asked_for_its_worker_only_when_another_waits(
    scheduler: Scheduler, parts: Parts
) -> None:
    task = paused(parts)
    scheduler.hand_out()
    assert parts.sender.sent == []
    waits = parts.queued()
    scheduler.hand_out()
    scheduler.hand_out()
    assert parts.sender.sent == [(task.run_id, {"release": True})] and not waits.due
    parts.store.record(task.run_id, Released(7, {}))
    with parts.tasks.lock:
        parts.commands.released(task, {"epochs": 2})
    scheduler.hand_out()
    assert waits.due and task.released and task.commands == [{"epochs": 2}]
    assert scheduler.place(task.run_id) is None and parts.store.run(task.run_id).gave_way


def test_a_resume_that_crosses_the_release_counts_either_way(
    scheduler: Scheduler, parts: Parts
) -> None:
    task, _ = paused(parts), parts.queued()
    scheduler.hand_out()
    parts.commands.send(task.run_id, pause=False)
    assert len(parts.sender.sent) == 1, "It is not known yet whether the worker has it still"
    with parts.tasks.lock:
        parts.commands.released(task, {})
    assert parts.store.run(task.run_id).status == "queued" and task.waits
    other = paused(parts)
    scheduler.hand_out()
    parts.commands.send(other.run_id, delay=1.0)
    with parts.tasks.lock:
        parts.commands.keeps_worker(other)
    assert parts.sender.sent[-1] == (other.run_id, {"delay": 1.0}) and not other.releasing


def test_a_run_that_gave_its_worker_away_can_be_stopped(scheduler: Scheduler, parts: Parts) -> None:
    task, _ = paused(parts), parts.queued()
    scheduler.hand_out()
    parts.store.record(task.run_id, Released(7, {}))
    with parts.tasks.lock:
        parts.commands.released(task, {})
    parts.commands.stop(task.run_id)
    run = parts.store.run(task.run_id)
    assert (run.status, run.message) == ("stopped", "") and parts.tasks.get(task.run_id) is None
