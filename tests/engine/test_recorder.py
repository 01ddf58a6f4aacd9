"""The recorder alone: messages go in, rows of the store come out."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mnist_core.engine import recorder as module
from mnist_core.engine import worker
from mnist_core.engine.recorder import Recorder
from mnist_core.storage.store import Store, StoreError, Unavailable
from mnist_core.training.events import Failed, Started
from tests.support.engine_parts import WORKER, Parts, message, steps

OPEN = threading.Event()


@pytest.fixture
def beat() -> list[Callable[[], None]]:
    """What is called when the database is asked whether it takes a word, one after the other."""
    return []


@pytest.fixture
def recorder(parts: Parts, beat, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(module, "STORE_AGAIN_SECONDS", 0.0)

    def next_beat() -> None:
        beat.pop(0)()

    return Recorder(parts.store, parts.tasks, parts.messages, parts.commands, parts.sender,
                    parts.live, next_beat)  # fmt: skip


def test_the_start_of_a_run_is_stored_and_what_was_asked_before_is_sent(
    recorder: Recorder, parts: Parts
) -> None:
    task = parts.handed_out()
    parts.commands.send(task.run_id, step=2)
    recorder.record(message(task, Started(4000, 20, 7)), OPEN)
    run = parts.store.run(task.run_id)
    assert (run.status, run.worker) == ("running", WORKER) and task.worker == WORKER
    assert parts.sender.sent == [(task.run_id, {"step": 2})] and not task.commands


def test_what_an_earlier_attempt_tells_is_not_stored(recorder: Recorder, parts: Parts) -> None:
    task = parts.handed_out()
    old = message(task, Started(4000, 20, 7))
    task.try_again()
    recorder.record(old, OPEN)
    assert parts.store.run(task.run_id).status == "queued" and task.worker is None


def test_a_run_that_has_ended_makes_room_for_another(recorder: Recorder, parts: Parts) -> None:
    task = parts.training()
    recorder.record(message(task, Failed(3, 1, "a sentence")), OPEN)
    assert parts.store.run(task.run_id).message == "a sentence"
    assert parts.tasks.get(task.run_id) is None and parts.tasks.turn.is_set()
    recorder.record(message(task, steps(1)), OPEN)
    assert parts.store.run(task.run_id).step == 0


def test_a_loss_keeps_the_curve_and_says_where_it_was(recorder: Recorder, parts: Parts) -> None:
    task = parts.training()
    recorder.record(message(task, steps(1)), OPEN)
    parts.messages.end_lost(task, "It was killed{}.")
    assert task.over and task.loss == "It was killed." and task.future.status == "cancelled"
    recorder.record(parts.told(), OPEN)
    run = parts.store.run(task.run_id)
    assert (run.status, run.step, run.interrupted) == ("failed", 1, True)
    assert run.message.startswith("It was killed at step 1.")


def test_pauses_are_timed_and_a_worker_that_has_taken_a_run_is_noted(
    recorder: Recorder, parts: Parts
) -> None:
    task = parts.training()
    taken = {"kind": worker.TAKEN, "run": task.run_id, "attempt": task.attempt, "worker": WORKER}
    recorder.record(taken, OPEN)
    recorder.record(message(task, steps(1, paused=True)), OPEN)
    assert task.taken and task.paused is not None
    recorder.record(message(task, steps(2)), OPEN)
    assert task.paused is None


def unavailable(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes no event so many times."""
    record, failures = Store.record, ["the disk is full"] * times

    def record_later(store, *event) -> None:
        if failures:
            raise Unavailable(failures.pop())
        record(store, *event)

    monkeypatch.setattr(Store, "record", record_later)


def test_training_is_held_while_the_database_takes_nothing(
    recorder: Recorder, parts: Parts, beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    trains, paused, waits = parts.training(), parts.training(), parts.queued()
    paused.paused = 1.0
    unavailable(1, monkeypatch)
    errors_seen = []

    def still_away() -> None:
        errors_seen.append(parts.tasks.storage_error)
        assert parts.sender.sent == [(trains.run_id, {"pause": True})]
        raise StoreError("it is still away")

    beat.extend([still_away, lambda: errors_seen.append(parts.tasks.storage_error)])
    recorder.record(message(trains, steps(1)), OPEN)
    assert (
        errors_seen == ["the disk is full", "it is still away"]
        and parts.tasks.storage_error is None
    )
    assert parts.sender.sent[1:] == [(trains.run_id, {"pause": False})]
    assert parts.store.run(trains.run_id).step == 1 and not waits.commands


def test_a_pause_that_is_asked_for_meanwhile_outlasts_the_trouble(
    recorder: Recorder, parts: Parts, beat, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses, resumes = parts.training(), parts.training()
    resumes.paused = 1.0
    unavailable(1, monkeypatch)

    def somebody_presses() -> None:
        parts.commands.send(pauses.run_id, pause=True)
        parts.commands.send(resumes.run_id, pause=False)

    beat.append(somebody_presses)
    recorder.record(message(pauses, steps(1)), OPEN)
    assert parts.sender.sent == [
        (pauses.run_id, {"pause": True}),
        (resumes.run_id, {"pause": False}),
    ]


def test_an_event_that_no_try_can_store_holds_up_no_other(recorder: Recorder, parts: Parts) -> None:
    task = parts.training()
    recorder.record(message(task, steps(1)) | {"kind": "no such event"}, OPEN)
    recorder.record(message(task, steps(1)), OPEN)
    assert parts.store.run(task.run_id).step == 1


def test_an_engine_that_closes_waits_for_no_database(
    recorder: Recorder, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, closed = parts.training(), threading.Event()
    closed.set()
    unavailable(1, monkeypatch)
    parts.messages.receive(message(task, steps(1)))
    parts.messages.close()
    recorder.run(closed)
    assert parts.store.run(task.run_id).step == 0 and not len(parts.messages)
