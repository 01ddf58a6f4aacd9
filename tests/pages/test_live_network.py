"""What the live network's buttons may ask for, without a browser."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mnist_core.storage.store import Run
from pages.views.train import live_network
from pages.views.train.live_network import DRAWING, TEST, Choice


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
