"""The local worker's process: what it is given, and when it has grown large; none is started."""

from __future__ import annotations

import io
from typing import Any

import pytest

from mnist_core.base import child_process, environments
from mnist_core.engine import certificates, worker, worker_process
from mnist_core.engine.worker_process import LocalWorker


class Process:
    """A process that runs, as far as anybody can see."""

    pid, returncode, stdout = 1, None, None

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment, self.stdin = environment, io.BytesIO()

    def kill(self) -> None:
        pass

    def wait(self) -> int:
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that were started, in order."""
    processes: list[Process] = []

    def start(_module: str, *, environment: dict[str, str], **_streams: Any) -> Process:
        processes.append(Process(environment))
        return processes[-1]

    monkeypatch.setattr(child_process, "start", start)
    return processes


def local_worker() -> LocalWorker:
    return LocalWorker("tls://127.0.0.1:1", certificates.of_this_start(), warm=False)


def test_it_is_given_no_secret_of_the_server(
    started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_LAB_STATUS_KEY", "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    worker = local_worker()
    worker.renew(awaited=True)
    for process in started:
        assert process.environment["OMP_NUM_THREADS"] == "3"
        assert "hunter2" not in process.environment.values()


def test_its_threads_share_operations_as_the_next_run_needs(
    started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environments.THREADS, "2")
    process = local_worker()
    assert process.suits(False) and not process.suits(True)
    process.renew(awaited=True, share_operations=True)
    assert process.suits(True) and not process.suits(False)
    process.renew(awaited=False)
    shared = [each.environment[worker.SHARE_OPERATIONS] for each in started]
    assert shared == ["0", "1", "0"]
    for threads in ("1", "8"):
        monkeypatch.setenv(environments.THREADS, threads)
        assert process.suits(True), "another one would compute no differently"


def test_it_is_large_when_it_has_grown_not_when_its_network_is(
    started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = local_worker()
    most, growth = worker_process.MOST_BYTES, worker_process.GROWTH_BYTES

    def large(held: int) -> bool:
        monkeypatch.setattr(worker, "_own_bytes", lambda: held)
        return worker.has_grown_large()

    assert not large(10 * most), "it has not trained"
    worker.heard()
    assert [large(held) for held in (most // 2, most, most + growth)] == [False, False, True]
    worker.renew(awaited=False)
    worker.heard()
    assert not large(2 * most) and not large(2 * most + growth), "its first run took that much"
    assert not large(2 * most - 1), "it had not given back what that run took"
    assert large(2 * most + growth)
    assert len(started) == 2
