"""A real Dask cluster on loopback: a scheduler and two workers as processes of their own."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from mnist_core.cli import doctor
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
from tests.support.processes import start
from tests.support.runs import FAKE, LONG, SHORT, is_status, reach, wait, whole


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    # As a user would start them: a scheduler with its own settings, workers without a nanny.
    processes = [
        start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port),
              "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    ]  # fmt: skip
    processes += [
        start("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny",
              "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
              "--preload", "mnist_core.engine.worker")
        for _ in range(2)
    ]  # fmt: skip
    yield address, processes[1:]
    for process in processes:
        process.kill()
        process.wait()


def test_two_workers_train_at_once_and_one_death_hurts_one_run(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], home
) -> None:
    address, workers = cluster
    store = Store()
    engine = Engine(store, scheduler=address, trainer=FAKE)
    try:
        engine.warm()
        wait(lambda: len(engine.workers()) == 2, "two workers")
        first, second = engine.start(LONG), engine.start(LONG)
        for run in (first, second):
            reach(store, run, lambda run: run.status == "running" and run.step > 7)
        assert len({store.run(run).worker for run in (first, second)}) == 2

        workers[0].send_signal(signal.SIGKILL)
        wait(lambda: sum(not store.run(run).active for run in (first, second)) == 1, "one failure")
        lost = next(run for run in (first, second) if not store.run(run).active)
        spared = second if lost == first else first
        assert store.run(lost).status == "failed" and "killed" in store.run(lost).message
        assert whole(store, lost)
        reached = store.run(spared).step
        # Dask would run the lost task again by itself: it must not, and the other goes on.
        reach(store, spared, lambda run: run.step > reached + 20)
        assert store.run(lost).attempt == 1 and whole(store, spared)

        waiting = engine.start(SHORT)
        place = engine.place(waiting)
        assert place is None or place.ahead in (0, 1)
        engine.stop(spared)
        reach(store, spared, is_status("stopped"))
        reach(store, waiting, is_status("finished"))
    finally:
        engine.close()
        store.close()


def test_the_doctor_asks_the_scheduler_and_its_workers(
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    address, workers = cluster
    wait(lambda: doctor.examined("worker", lambda: doctor.scheduler(address)).well, "workers")
    for process in workers:
        process.kill()
        process.wait()

    def lacks_workers() -> bool:
        said = doctor.examined("worker", lambda: doctor.scheduler(address)).text
        return f"python -m dask worker {address}" in said

    wait(lacks_workers, "no workers")
