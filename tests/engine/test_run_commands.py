"""Stop, pause and other commands: what becomes of them, by what the run does."""

from __future__ import annotations

from mnist_core.training.events import Snapshot
from tests.support.engine_parts import Parts
from tests.support.runs import LONG


def test_a_command_waits_for_the_start_or_goes_to_the_worker(parts: Parts) -> None:
    waits, trains = parts.queued(), parts.training()
    parts.commands.send(waits.run_id, pause=True)
    parts.commands.send(trains.run_id, pause=True)
    assert waits.commands == [{"pause": True}]
    assert parts.sender.sent == [(trains.run_id, {"pause": True})]


def test_a_run_that_trains_is_asked_to_stop(parts: Parts) -> None:
    task = parts.training()
    parts.commands.stop(task.run_id, "It has had its share.")
    assert parts.sender.sent == [(task.run_id, {"stop": True})] and task.stopping
    run = parts.store.run(task.run_id)
    assert run.active and run.message == "It has had its share."


def test_a_run_that_waits_is_stopped_at_once(parts: Parts) -> None:
    task = parts.handed_out()
    parts.commands.stop(task.run_id)
    run = parts.store.run(task.run_id)
    assert run.status == "stopped" and "before it started" in run.message and not run.interrupted
    assert task.future.status == "cancelled" and parts.tasks.get(task.run_id) is None
    assert parts.tasks.turn.is_set() and parts.connection.calls == []


def test_a_run_that_hangs_ends_with_its_process(parts: Parts) -> None:
    task = parts.training()
    parts.store.record(task.run_id, Snapshot(5, 0.1, (), 0.5, b"state"))
    task.hangs = True
    parts.commands.stop(task.run_id)
    run = parts.store.run(task.run_id)
    assert run.status == "stopped" and run.interrupted and "did not respond" in run.message
    assert "from step 5" in run.message
    assert parts.connection.calls == ["end worker"] and parts.sender.sent == []


def test_runs_of_another_server_are_steered_through_the_database(parts: Parts) -> None:
    other = Parts(parts.store)
    other.tasks.server = "another one"
    task = other.training()
    parts.store.set_status(task.run_id, "running", server="another one")
    parts.commands.send(task.run_id, pause=True)
    parts.commands.stop(task.run_id)
    assert parts.sender.sent == []
    other.commands.take_remote()
    assert other.sender.sent == [(task.run_id, {"pause": True}), (task.run_id, {"stop": True})]
    other.commands.take_remote()
    assert len(other.sender.sent) == 2


def test_commands_to_a_run_that_has_ended_are_dropped(parts: Parts) -> None:
    run_id = parts.store.create_run(LONG, server="another one")
    parts.store.set_status(run_id, "stopped")
    parts.commands.send(run_id, pause=True)
    parts.commands.take_remote()
    assert parts.sender.sent == []
