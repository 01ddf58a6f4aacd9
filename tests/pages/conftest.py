"""What holds for every test of a page: what it has computed must reach another process."""

from __future__ import annotations

import pickle

import pytest

from mnist_core.base import computing
from mnist_core.engine.engine import Engine


@pytest.fixture(autouse=True)
def computed_apart(monkeypatch):
    """Functions, arguments and results are pickled, as they are where a server computes."""
    run = computing.run

    def pickled(function, *arguments, about, slow=False, **tell):
        hash(about)
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        result = run(function, *arguments, about=about, slow=slow, **tell)
        return pickle.loads(pickle.dumps(result))

    monkeypatch.setattr(computing, "run", pickled)


@pytest.fixture(autouse=True)
def workers_start_with_runs(monkeypatch):
    """No page starts a worker ahead of its first run: TensorFlow would be loaded for nothing.

    That Train asks for it is for a test of Train to see.
    """
    monkeypatch.setattr(Engine, "warm", lambda _engine: None)
