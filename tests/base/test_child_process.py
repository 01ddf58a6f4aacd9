"""Processes beside the server, forked and started: what they get, and how their end is known."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from mnist_core.base import child_process, fork_server
from mnist_core.base.child_process import ChildProcess, ForkedProcess, ForkServer
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.this_process import adopt_orphans
from tests.support.runs import wait

WORK = "tests.support.child_work"
ENVIRONMENT = {"PATH": os.environ["PATH"], "COLOUR": "grün"}
FORKS = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ForkServer]:
    adopt_orphans(True)
    server = ForkServer("tests.support.prints")
    yield server
    server.close()
    adopt_orphans(False)


@pytest.fixture
def server(shared_server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> ForkServer:
    """A fork server whose processes `child_process.start` gives."""
    monkeypatch.setattr(child_process, "_server", shared_server)
    return shared_server


@pytest.fixture(params=[pytest.param("server", marks=FORKS), "none"])
def way(request: pytest.FixtureRequest) -> str:
    """Both ways to have a process."""
    if request.param == "server":
        request.getfixturevalue("server")
    return request.param


def start(*arguments: str) -> ChildProcess:
    return child_process.start(WORK, *arguments, environment=ENVIRONMENT)


def found(process: ChildProcess) -> dict[str, Any]:
    """What the process tells of itself."""
    return json.loads(process.stdout.readline())


def end(process: ChildProcess) -> int:
    process.stdin.close()
    code = process.wait()
    process.stdout.close()
    return code


def test_a_process_gets_what_it_was_given_and_nothing_else(way: str) -> None:
    process = start("one", "two words")
    told = found(process)
    assert told["arguments"] == ["one", "two words"] and told["folder"] == str(REPOSITORY)
    given = {name: value for name, value in told["environment"].items() if name != "LC_CTYPE"}
    assert given == ENVIRONMENT
    assert told["leader"] and told["pid"] == process.pid
    assert told["descriptors"] == [0, 1, 2]
    process.stdin.write(b"and back\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"and back\n" and process.poll() is None
    assert end(process) == 0 == process.poll()


def test_its_exit_code_is_told(way: str) -> None:
    assert end(start("fail")) == 3
    killed = start()
    found(killed)
    killed.kill()
    assert end(killed) == -signal.SIGKILL
    killed.kill()  # once more does no harm


@FORKS
def test_forked_processes_hold_nothing_of_each_other(server: ForkServer) -> None:
    processes = [start() for _ in range(3)]
    assert [found(process)["descriptors"] for process in processes] == 3 * [[0, 1, 2]]
    assert {psutil.Process(each.pid).ppid() for each in processes} == {os.getpid()}
    assert not psutil.Process(server.pid).children()
    assert end(processes[1]) == 0, "its stdin ends although its siblings live"
    assert [process.poll() for process in processes] == [None, 0, None]
    assert [end(process) for process in processes[::2]] == [0, 0]


@FORKS
def test_one_that_is_halted_has_not_ended(server: ForkServer) -> None:
    process = start()
    found(process)
    os.kill(process.pid, signal.SIGSTOP)
    halted = psutil.Process(process.pid)
    wait(lambda: halted.status() == psutil.STATUS_STOPPED, "the halt")
    assert process.poll() is None
    os.kill(process.pid, signal.SIGCONT)
    assert end(process) == 0


@FORKS
def test_processes_outlive_the_fork_server_and_the_next_one_has_another(server: ForkServer) -> None:
    fails, lives = start("fail later"), start()
    found(fails), found(lives)
    ended(server)
    after = start()
    assert found(after)["pid"] == after.pid
    assert lives.poll() is None and end(fails) == 3 and end(lives) == end(after) == 0


def ended(server: ForkServer) -> None:
    """Kill the fork server."""
    forks = psutil.Process(server.pid)
    forks.kill()
    wait(lambda: forks.status() == psutil.STATUS_ZOMBIE, "its end")


@FORKS
@pytest.mark.parametrize("after", ["it is forked", "the fork server's end"])
def test_one_that_is_not_wanted_any_more_never_runs(server: ForkServer, after: str) -> None:
    end(start())
    forks = psutil.Process(server.pid)
    forks.suspend()
    process = start()
    assert process.pid is None and process.poll() is None
    process.kill()
    if after == "it is forked":
        forks.resume()
        assert process.wait() == 1 and process.pid is not None
    else:
        ended(server)
        assert process.wait() == -signal.SIGKILL and process.pid is None
    assert process.stdout.read() == b""
    assert end(start()) == 0
    process.stdin.close()
    process.stdout.close()


@FORKS
def test_a_fork_server_that_answers_no_order_is_ended(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(start())
    monkeypatch.setattr(child_process, "ANSWER_SECONDS", 0.2)
    forks = psutil.Process(server.pid)
    forks.suspend()
    processes = [start(), start()]
    assert [end(process) for process in processes] == 2 * [-signal.SIGKILL]
    monkeypatch.undo()
    monkeypatch.setattr(child_process, "_server", server)
    process = start()
    assert found(process)["pid"] == process.pid and server.pid != forks.pid
    assert end(process) == 0


@FORKS
def test_orders_that_a_fork_server_does_not_take_are_no_hindrance(server: ForkServer) -> None:
    end(start())
    psutil.Process(server.pid).suspend()
    ordered = []
    while isinstance(process := start(), ForkedProcess):
        ordered.append(process)
    assert ordered and end(process) == 0
    ended(server)
    assert {end(each) for each in ordered} == {-signal.SIGKILL}


@FORKS
def test_where_nothing_can_be_forked_the_next_process_is_started(server: ForkServer) -> None:
    end(start())
    forks = psutil.Process(server.pid)
    most = forks.rlimit(psutil.RLIMIT_NOFILE)
    forks.rlimit(psutil.RLIMIT_NOFILE, (5, most[1]))  # none is left for an order's descriptors
    assert end(start()) == -signal.SIGKILL
    forks.rlimit(psutil.RLIMIT_NOFILE, most)
    adopt_orphans(False)
    refused = start()
    assert end(refused) == -signal.SIGKILL and refused.pid is None
    adopt_orphans(True)
    process = start()
    assert isinstance(process, subprocess.Popen) and end(process) == 0
    process = start()
    assert isinstance(process, ForkedProcess) and end(process) == 0


@FORKS
def test_an_order_that_cannot_be_given_holds_no_descriptor(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()

    def fail(*_given: object) -> None:
        raise OSError("too many descriptors")

    for broken in ("_copy", "_pipe"):
        before = psutil.Process().num_fds()
        monkeypatch.setattr(child_process, broken, fail)
        with pytest.raises(OSError, match="too many"):
            server.fork(WORK, [], {}, subprocess.PIPE, None)
        assert psutil.Process().num_fds() == before
        monkeypatch.undo()


@FORKS
def test_a_server_starts_without_room_for_a_fork_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError("no room")

    monkeypatch.setattr(child_process, "_server", None)
    with monkeypatch.context() as without_room:
        without_room.setattr(subprocess, "Popen", fail)
        before = psutil.Process().num_fds()
        child_process.start_fork_server("numpy")
        assert psutil.Process().num_fds() == before and "no room" in caplog.text
    process = start()
    assert isinstance(process, ForkedProcess) and end(process) == 0
    child_process.stop_fork_server()
    adopt_orphans(True)  # for the other tests here


@FORKS
@pytest.mark.parametrize("prepare", ["no_such_module", "tests.support.starts_a_thread"])
def test_without_a_fork_server_processes_are_started(
    prepare: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = ForkServer(prepare)
    monkeypatch.setattr(child_process, "_server", failing)
    process = start()
    assert end(process) == -signal.SIGKILL and process.pid is None
    process = start()
    assert isinstance(process, subprocess.Popen) and "takes more memory" in caplog.text
    assert found(process)["pid"] == process.pid and end(process) == 0
    failing.close()


@FORKS
def test_a_fork_server_that_was_killed_at_its_start_has_another_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killed = ForkServer("tests.support.waits_for_ever")
    monkeypatch.setattr(child_process, "_server", killed)
    for _ in range(child_process.MOST_FAILURES):
        process = start()
        assert isinstance(process, ForkedProcess)
        ended(killed)
        end(process)
    process = start()
    assert isinstance(process, subprocess.Popen) and end(process) == 0
    killed.close()


def test_a_setting_says_that_processes_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_server", None)
    monkeypatch.setenv(child_process.SETTING, "0")
    child_process.start_fork_server("numpy")
    process = start()
    assert not isinstance(process, ForkedProcess)
    end(process)


LEAVES_FILES = """
import numpy as np, psutil
from mnist_core.base.allocator import leave_files
before = np.linalg.svd(np.eye(50)).S.sum(), psutil.Process().memory_info().shared
leave_files()
left = psutil.Process().memory_info().shared
print(np.linalg.svd(np.eye(50)).S.sum() == before[0], left < before[1] / 2)
"""


@FORKS
def test_programs_that_were_let_go_of_still_run() -> None:
    command = [sys.executable, "-c", LEAVES_FILES]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert said.stdout == "True True\n"


SERVER = """
import time
from mnist_core.base import child_process
child_process.start_fork_server("numpy")
process = child_process.start("tests.support.child_work", environment={})
process.stdout.readline()
print(child_process._server.pid, process.pid, flush=True)
time.sleep(600)
"""


@FORKS
def test_fork_server_and_processes_end_with_their_server() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as own:
        left = [psutil.Process(int(pid)) for pid in own.stdout.readline().split()]
        assert [process.name() for process in left] == [fork_server.NAME] * 2
        own.kill()
    assert not psutil.wait_procs(left, timeout=20)[1]


@FORKS
def test_a_fork_server_has_no_secret_of_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_STATUS_KEY", "hunter2")
    server = ForkServer("numpy")
    server.start()
    assert "hunter2" not in psutil.Process(server.pid).environ().values()
    server.close()
