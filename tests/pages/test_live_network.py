"""What the live network's buttons may ask for, without a browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from mnist_core.base.sandbox import ProcessCrashed
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.storage.store import Run, Store
from mnist_core.training.events import Snapshot
from mnist_core.training.live_view import View
from pages.session.network_choice import snapshots
from pages.views.train import live_network
from pages.views.train.live_network import DRAWING, MISREAD, TEST, Choice
from tests.support.runs_in_store import SMALL, some_weights


@pytest.mark.parametrize(
    ("sent", "source", "index"),
    [
        (TEST, TEST, 8),
        (DRAWING, DRAWING, 7),
        (None, TEST, 7),
        ("x" * 1000, TEST, 7),
        ({"a": 1}, TEST, 7),
        ([TEST], TEST, 7),
    ],
)
def test_only_what_a_button_sends_is_chosen(monkeypatch, sent, source: str, index: int) -> None:
    choice = Choice(index=7)
    monkeypatch.setattr(live_network, "_choice", lambda: choice)
    monkeypatch.setattr(
        live_network.st, "session_state", SimpleNamespace(live_view={"choose": sent})
    )
    live_network._choose(Run.__new__(Run))  # of the run it asks nothing here
    assert (choice.source, choice.index) == (source, index)


def test_a_search_that_fails_is_a_sentence_until_something_else_is_asked(monkeypatch) -> None:
    choice, sent = Choice(index=7), {"choose": MISREAD}

    def crash(_run: Run) -> None:
        raise ProcessCrashed("TensorFlow crashed in this computation.")

    monkeypatch.setattr(live_network, "_choice", lambda: choice)
    monkeypatch.setattr(live_network, "_misread", crash)
    monkeypatch.setattr(live_network.st, "session_state", SimpleNamespace(live_view=sent))
    live_network._choose(Run.__new__(Run))
    assert choice == Choice(index=7, problem="TensorFlow crashed in this computation.")
    sent["choose"] = TEST
    live_network._choose(Run.__new__(Run))
    assert choice == Choice(index=8)


def test_a_snapshot_that_cannot_be_computed_is_asked_for_once(monkeypatch) -> None:
    asked = []

    def crash(run_id: str, step: int, view: View, _run: Run) -> None:
        asked.append((step, view.gradients))
        raise ProcessCrashed("TensorFlow crashed in this computation.")

    kept = [SimpleNamespace(step=10)]
    monkeypatch.setattr(live_network, "_packed", crash)
    monkeypatch.setattr(live_network, "snapshots", lambda _id: kept)
    monkeypatch.setattr(live_network.st, "session_state", {})
    run = cast(Run, SimpleNamespace(id="a"))
    for gradients in (False, False, True, True):
        answer = live_network._of_snapshot(run, View(b"", 7, gradients))
        assert answer == (None, "TensorFlow crashed in this computation.")
    kept.append(SimpleNamespace(step=20))
    live_network._of_snapshot(run, View(b"", 7, True))
    assert asked == [(10, False), (10, True), (20, True)]


def test_a_page_drawn_anew_asks_again_for_a_snapshot_that_failed(monkeypatch) -> None:
    session = {live_network._FAILED: (("a", 10, None), "TensorFlow crashed.")}
    seen = []
    monkeypatch.setattr(live_network.st, "session_state", session)
    monkeypatch.setattr(live_network, "fragment", lambda _part, **_more: lambda *_: seen.append(1))
    monkeypatch.setattr(live_network, "forget_snapshots", lambda _id: None)
    run = cast(Run, SimpleNamespace(id="a", active=False, status="finished"))
    live_network.live_network(cast(VisitorEngine, None), run)
    assert seen and not session


def test_a_run_that_has_ended_is_shown_at_its_last_snapshot(monkeypatch) -> None:
    """Its snapshots may have been read a moment before; nothing asks for them again."""
    store = Store()
    run_id = store.create_run(SMALL)
    assert not snapshots(run_id)
    weights = some_weights(SMALL, 1)
    store.record(run_id, Snapshot(20, 2.0, weights, 0.5, None, 0.25))
    assert not snapshots(run_id)  # as read two seconds ago
    monkeypatch.setattr(live_network.st, "session_state", {})
    monkeypatch.setattr(live_network, "fragment", lambda _part, **_more: lambda *_: None)
    for active, kept in ((True, []), (False, [20])):
        run = cast(Run, SimpleNamespace(id=run_id, active=active, status="running"))
        live_network.live_network(cast(VisitorEngine, None), run)
        assert [snapshot.step for snapshot in snapshots(run_id)] == kept
