"""Tests of the sandbox: limits, crashes, the end of its server, and turns in its queue."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mnist_core.base.job_queue import JobQueue, Progress, QueueFull
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.sandbox import LimitReached, ProcessCrashed, ProcessLimits, call, folder_with

WORK = "tests.support.sandbox_work"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")


def run(what: str, limits: ProcessLimits) -> object:
    with folder_with({"do": what}) as folder:
        return call(WORK, folder, limits=limits)


@POSIX
def test_work_gives_its_answer_and_lets_pages_come_first() -> None:
    found = run("answer", ProcessLimits())
    assert found == {"nice": min(os.nice(0) + 5, 19)}


@POSIX
def test_endless_computing_ends_at_the_limit() -> None:
    with pytest.raises(LimitReached, match="more than 1 seconds of computing"):
        run("count", ProcessLimits(seconds=60, cpu_seconds=1))


@POSIX
def test_memory_is_refused_beyond_the_limit() -> None:
    with pytest.raises(LimitReached, match="more than the 200 MB of memory"):
        run("hoard", ProcessLimits(seconds=60, memory=200_000_000))


@POSIX
def test_a_crash_in_native_code_is_a_sentence() -> None:
    with pytest.raises(ProcessCrashed, match=r"crashed \(SIGSEGV\)"):
        run("crash", ProcessLimits())


def test_waiting_for_ever_ends_at_the_limit() -> None:
    with pytest.raises(LimitReached, match=r"longer than 0\.5 seconds"):
        run("wait", ProcessLimits(seconds=0.5))


def test_a_process_ends_with_its_server(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from mnist_core.base import sandbox; "
        f"folder = Path({str(tmp_path)!r}); "
        "(folder / 'request.json').write_text('{\"do\": \"wait\"}'); "
        "import numpy; numpy.savez(folder / 'arrays.npz'); "
        f"sandbox.call({WORK!r}, folder)"
    )
    server = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY)
    pid = tmp_path / "pid"
    await_that(lambda: pid.exists() and pid.read_text() != "")
    child = psutil.Process(int(pid.read_text()))
    server.kill()
    server.wait()
    child.wait(20)


class Held:
    """Jobs that wait until they are let go, and the order in which they ran."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.go = threading.Event()

    def job(self, name: str) -> Callable[[], str]:
        def work() -> str:
            assert self.go.wait(30)
            self.order.append(name)
            return name

        return work


def test_visitors_take_turns_and_are_told_their_place() -> None:
    queue, held = JobQueue("test"), Held()
    many = [queue.submit("a", held.job(f"a{index}")) for index in range(4)]
    other = queue.submit("b", held.job("b"))
    running = queue.progress(many[0])
    assert running is not None and running.ahead == 0 and running.seconds is not None
    places = [queue.progress(job) for job in (*many[1:], other)]
    assert places == [Progress(ahead, None) for ahead in (2, 3, 4, 1)]
    assert many[2].cancel()
    assert queue.progress(many[2]) is None and queue.progress(many[3]) == Progress(3, None)
    held.go.set()
    assert many[3].result(30) == "a3"
    assert held.order == ["a0", "b", "a1", "a3"]
    assert queue.progress(other) is None


def test_addresses_take_turns_before_their_visitors_do() -> None:
    """Whoever drops their cookie each time is ten visitors, at one address."""
    queue, held = JobQueue("test"), Held()
    many = [queue.submit(f"a{index}", held.job(f"a{index}"), "there") for index in range(3)]
    other = queue.submit("b", held.job("b"), "elsewhere")
    alone = queue.submit("c", held.job("c"))
    places = [queue.progress(job) for job in (*many[1:], other, alone)]
    assert places == [Progress(ahead, None) for ahead in (3, 4, 1, 2)]
    held.go.set()
    assert many[2].result(30) == "a2"
    assert held.order == ["a0", "b", "c", "a1", "a2"]


def test_one_visitor_has_one_job_at_a_time_though_there_is_room() -> None:
    queue, held = JobQueue("test", slots=2), Held()
    first, second = (queue.submit("a", held.job(name)) for name in ("a0", "a1"))
    other = queue.submit("b", held.job("b"))
    assert first.running() and other.running() and not second.running()
    held.go.set()
    assert second.result(30) == "a1"


def test_a_job_that_fails_lets_the_next_begin() -> None:
    queue = JobQueue("test")
    with pytest.raises(ZeroDivisionError):
        queue.submit("a", lambda: 1 // 0).result(30)
    assert queue.submit("a", lambda: 1).result(30) == 1


def test_a_visitor_cannot_fill_the_queue() -> None:
    queue, held = JobQueue("test", most_waiting=2), Held()
    for index in range(3):
        queue.submit("a", held.job(str(index)))
    with pytest.raises(QueueFull, match="2 of your files"):
        queue.submit("a", held.job("one more"))
    assert queue.submit("b", held.job("b")).cancel()
    held.go.set()


def await_that(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
