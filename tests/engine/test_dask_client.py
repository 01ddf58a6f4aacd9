"""The way to the scheduler when it breaks off half-way: nothing is left behind."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mnist_core.engine import dask_client
from mnist_core.engine.dask_client import Connection, Listener


class Part:
    """A client, local scheduler or local worker; `parts` are all that were made, in order."""

    parts: list[Part]
    breaks_at = ""

    def __init__(self, kind: str) -> None:
        self.kind, self.open, self.status = kind, True, "running"
        self.scheduler_address, self.pid = "tcp://127.0.0.1:1", 1
        self.parts.append(self)
        if self.breaks_at == kind:
            self.open = False
            raise OSError(f"there is no {kind}")

    def close(self, timeout: float = 0) -> None:
        self.open = False

    def subscribe_topic(self, _topic: str, _handler: object) -> None:
        if self.breaks_at == "topic":
            raise OSError("the scheduler has gone")

    def run_on_scheduler(self, _function: object) -> None:
        pass

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        if self.breaks_at == "identity":
            raise OSError("the scheduler has gone")
        return {"id": "scheduler", "workers": {}}


class Worker(Part):
    def __init__(self, _scheduler: str, _security: object, _warm: bool) -> None:
        super().__init__("worker")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    made: list[Part] = []
    monkeypatch.setattr(Part, "parts", made, raising=False)
    monkeypatch.setattr(dask_client, "SpecCluster", lambda **_: Part("scheduler"))
    monkeypatch.setattr(dask_client, "LocalWorker", Worker)
    monkeypatch.setattr(dask_client, "Client", lambda *_, **__: Part("client"))
    return made


def opened() -> tuple[Connection, list[str]]:
    said: list[str] = []
    listener = Listener(lambda _: None, lambda: said.append("connected"), said.append)
    return Connection(None, "tests.support.fake_training:train", "topic", listener), said


def connect(reached: Connection) -> None:
    reached.open()
    assert reached._starting is not None
    reached._starting.join()


def left(parts: list[Part]) -> list[str]:
    return [part.kind for part in parts if part.open]


@pytest.mark.parametrize("place", ["worker", "client", "topic", "identity"])
def test_what_was_begun_is_closed_when_it_cannot_be_ended(
    place: str, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, said = opened()
    monkeypatch.setattr(Part, "breaks_at", place)
    connect(reached)
    assert len(said) == 1 and "could not be started" in said[0]
    assert left(parts) == [] and not reached.there and reached.worker_pid is None
    monkeypatch.setattr(Part, "breaks_at", "")
    connect(reached)
    assert said[1:] == ["connected"] and left(parts) == ["scheduler", "worker", "client"]
    reached.close()
    assert left(parts) == []


def test_a_local_scheduler_leaves_other_peoples_handlers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Part, "parts", [], raising=False)
    monkeypatch.setattr(dask_client, "LocalWorker", Worker)
    handler, of_dask = logging.StreamHandler(), logging.getLogger("distributed")
    of_dask.addHandler(handler)
    reached, _ = opened()
    try:
        reached._start_own()
        assert handler.level == logging.NOTSET
    finally:
        reached.close()
        of_dask.removeHandler(handler)


def test_a_local_scheduler_that_has_gone_takes_its_worker_along(parts: list[Part]) -> None:
    reached, said = opened()
    connect(reached)
    parts[-1].status = "closed"
    reached.drop_lost()
    assert left(parts) == [] and not reached.there
    connect(reached)
    assert len(parts) == 6 and left(parts) == ["scheduler", "worker", "client"]
    reached.close()
    assert left(parts) == []
    reached.open()  # a monitor that has not noticed yet
    assert left(parts) == [] and said == ["connected", "connected"]
