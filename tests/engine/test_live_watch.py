"""Live views: workers send frames of what somebody looks at, and of nothing else."""

from __future__ import annotations

import pytest

from mnist_core.engine import live_frames
from mnist_core.training.live_view import View
from tests.support.engine_parts import Parts

VIEW = View(bytes(784))


def test_a_worker_is_asked_once_for_what_is_looked_at(parts: Parts) -> None:
    task = parts.training()
    assert parts.live.look(task.run_id, VIEW) is None
    parts.live.keep(task.run_id, {"view": VIEW.key, "header": "step 3", "data": b"frame"})
    assert parts.live.look(task.run_id, VIEW)["data"] == b"frame"
    assert parts.sender.sent == [(task.run_id, {"views": [VIEW.to_message()]})]


def test_a_run_that_nobody_looks_at_any_more_is_asked_for_nothing(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = parts.training()
    parts.live.look(task.run_id, VIEW)
    parts.live.ask_all()
    assert len(parts.sender.sent) == 1
    monkeypatch.setattr(live_frames, "LOOK_SECONDS", -1.0)
    parts.live.ask_all()
    assert parts.sender.sent[1:] == [(task.run_id, {"views": []})]


def test_a_run_that_waits_is_asked_once_it_trains(parts: Parts) -> None:
    task = parts.handed_out()
    parts.live.look(task.run_id, VIEW)
    assert parts.sender.sent == []
    task.worker = "tcp://127.0.0.1:1"
    parts.live.ask_all()
    assert len(parts.sender.sent) == 1
