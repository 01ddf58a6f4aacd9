"""What is said while the network that is to read is on its way."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from pages.session import reader


@pytest.mark.parametrize("ready", [True, False])
def test_a_wait_for_tensorflow_to_start_is_said(
    monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    underway: Future[None] = Future()
    said: list[str] = []

    def say(words: str) -> None:
        said.append(words)
        underway.set_result(None)

    network: Any = object()
    monkeypatch.setattr(reader, "loading", lambda _reader: underway)
    monkeypatch.setattr(reader.computing, "ready", lambda: ready)
    reader.wait_for(network, say=say)
    (words,) = said
    assert words.startswith("_Loading the network")
    assert ("TensorFlow is still starting…" in words) is not ready
