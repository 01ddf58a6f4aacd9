"""The scheduler of runs alone: no thread, no worker, no Dask."""

from __future__ import annotations

import pytest

from mnist_core import Experiment
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


def test_a_worker_may_be_renewed_between_runs_and_while_nobody_needs_it(
    scheduler: Scheduler, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.hand_out()
    assert parts.connection.calls == []
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.0)
    scheduler.hand_out()
    assert parts.connection.calls == ["renew worker"]
    task = parts.queued()
    scheduler.hand_out()
    assert parts.connection.calls[1:] == ["renew worker for a run"] and task.future is not None
    parts.queued()
    scheduler.hand_out()
    assert len(parts.connection.calls) == 2, "while one trains it stays"


def test_the_next_run_says_whether_threads_are_to_share_operations(
    scheduler: Scheduler, parts: Parts
) -> None:
    wide = Experiment.from_query({"layers": "flatten;dense(units:4096)", "epochs": "5"})
    for chosen in (LONG, wide):
        task = parts.queued(chosen)
        scheduler.hand_out()
        parts.store.set_status(task.run_id, "stopped")
        parts.tasks.forget(task)
    assert parts.connection.shares_operations == [False, True]


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


def test_a_pause_goes_on_without_a_worker(scheduler: Scheduler, parts: Parts) -> None:
    task, _ = paused(parts), parts.queued()
    task.began = 0.0
    scheduler.hand_out()
    with parts.tasks.lock:
        parts.commands.released(task, {})
    given_way = task.times(0.0)
    assert given_way.pause > 0 and given_way.begun and given_way.training is None
    parts.commands.send(task.run_id, pause=False)
    resumed = task.times(0.0)
    assert resumed.pause is None and resumed.begun and resumed.waits


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


def small(parts: Parts, study: str = "sweep"):
    return parts.queued(study=study, small=True)


def test_small_runs_of_a_study_share_a_task_and_one_turn(
    scheduler: Scheduler, parts: Parts
) -> None:
    tasks, other, alone = [small(parts) for _ in range(3)], small(parts, "other"), parts.queued()
    scheduler.hand_out()
    assert list(parts.connection.handed) == [task.run_id for task in tasks]
    assert len(set(parts.connection.handed.values())) == 1
    assert not other.due and not alone.due, "the worker has one seat"
    for task in tasks:  # one after the other
        scheduler.hand_out()
        assert not other.due and not alone.due
        parts.store.set_status(task.run_id, "finished")
        parts.tasks.forget(task)
    assert tasks[0].future.status == "cancelled", "nothing of it is wanted any more"
    scheduler.hand_out()
    assert alone.due != other.due


def test_each_worker_gets_its_share_of_small_runs(
    scheduler: Scheduler, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TOGETHER", 3)
    parts.connection.known = [WorkerInfo("a", 1, 0), WorkerInfo("b", 1, 0)]
    tasks = [small(parts) for _ in range(4)]
    scheduler.hand_out()
    shared, same, other, later = [task.future for task in tasks]
    assert shared is same and other not in (None, shared)
    assert later is None, "so that whoever is done first takes it"
    many = [small(parts, "long") for _ in range(20)]
    for task in tasks:
        parts.store.set_status(task.run_id, "finished")
        parts.tasks.forget(task)
    scheduler.hand_out()
    assert sum(task.due for task in many) == 6


def test_a_stopped_run_leaves_the_others_of_its_task(scheduler: Scheduler, parts: Parts) -> None:
    first, second = small(parts), small(parts)
    scheduler.hand_out()
    parts.commands.stop(second.run_id)
    assert first.future.status == "pending" and parts.store.run(second.run_id).status == "stopped"
    parts.commands.stop(first.run_id)
    assert first.future.status == "cancelled"


def test_runs_of_a_lost_task_that_had_not_begun_are_handed_out_again(
    scheduler: Scheduler, parts: Parts
) -> None:
    first, second = small(parts), small(parts)
    scheduler.hand_out()
    lost = second.future
    second.try_again()
    scheduler.hand_out()
    assert second.future not in (None, lost) and first.future is lost
    second.cancel()
    assert second.future.status == "cancelled" and lost.status == "pending"
