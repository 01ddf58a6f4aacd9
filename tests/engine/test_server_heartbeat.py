"""A server's entry among the others, also when the database takes nothing at its start."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mnist_core.engine.server_heartbeat import ServerHeartbeat
from mnist_core.storage.store import Store, Unavailable
from mnist_core.training.events import Started
from mnist_core.visitors import heartbeat
from tests.support.engine_parts import steps
from tests.support.runs import LONG


@pytest.fixture
def entry(store: Store) -> ServerHeartbeat:
    return ServerHeartbeat(store, "this one", SimpleNamespace(scheduler_id=None))


def test_a_server_is_there_until_it_ends(entry: ServerHeartbeat, store: Store) -> None:
    gone = store.create_run(LONG, server="gone")
    entry.begin()
    assert heartbeat.living(store) == {"this one"} and store.run(gone).interrupted
    own = store.create_run(LONG, server="this one")
    entry.end()
    assert heartbeat.living(store) == set() and store.run(own).interrupted


def test_a_run_without_a_snapshot_is_told_to_be_started_again(
    entry: ServerHeartbeat, store: Store
) -> None:
    waited, trained = (store.create_run(LONG, server="gone") for _ in range(2))
    store.record(trained, Started(4000, 20, 7))
    store.record(trained, steps(1))
    entry.begin()
    assert "before this run started. Start it again." in store.run(waited).message
    said = store.run(trained).message
    assert "at step 1. The curve up to there is kept. Start it again." in said


def test_a_server_that_began_without_the_database_is_known_before_its_first_run(
    entry: ServerHeartbeat, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_) -> None:
        raise Unavailable("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(heartbeat, "register", away)
        entry.begin()
        with pytest.raises(Unavailable):
            entry.make_known()
    entry.make_known()
    assert heartbeat.living(store) == {"this one"}
    monkeypatch.setattr(heartbeat, "register", away)
    entry.make_known()  # once is enough
