"""A study on a cluster: a real scheduler, three worker processes, and a PostgreSQL server."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_core import PRESETS
from mnist_core.base.paths import REPOSITORY
from mnist_core.data.custom import from_arrays
from mnist_core.engine.engine import Engine
from mnist_core.storage import datasets
from mnist_core.storage.store import Run, Store
from mnist_core.studies import records
from mnist_core.studies.runner import StudyRunner
from tests.support.certificates import make as make_certificates
from tests.support.data_sets import bars
from tests.support.fake_trials import HOLD
from tests.support.postgres import postgres
from tests.support.runs import wait
from tests.support.studies import BASE, TRIALS, ended, study, trials

WORKERS = 3
HELD = BASE.model_copy(update={"name": "held"})


def documented_command(program: str, certificates: Path, **changes: str) -> list[str]:
    """What docs/deploy.md says to run, with parts of it exchanged: {"tls://boss:8786": …}."""
    lines = (REPOSITORY / "docs" / "deploy.md").read_text().splitlines()
    (options,) = [line for line in lines if line.startswith("TLS=")]
    (line,) = [line for line in lines if f"-m dask {program}" in line]
    line = line.replace("$TLS", options.removeprefix("TLS=").strip('"'))
    line = line.replace("$HOME/certificates", str(certificates))
    python, *arguments = shlex.split(line.strip().removesuffix("&"))
    assert python == ".venv/bin/python"
    return [sys.executable, *(changes.get(argument, argument) for argument in arguments)]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """As on another machine: in the repository's folder, which Python is not told otherwise."""
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=here | {"MNIST_LAB_WARM": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """While this file exists, trials of `HELD` do not end."""
    file = tmp_path / "hold"
    file.touch()
    monkeypatch.setenv(HOLD, str(file))
    return file


@pytest.fixture
def workers(
    monkeypatch: pytest.MonkeyPatch, hold: Path, tmp_path: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """As “On a cluster” in docs/deploy.md says; the address is in MNIST_LAB_SCHEDULER."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MNIST_LAB_SCHEDULER", f"tls://{address}")
    certificates = make_certificates(tmp_path / "certificates")
    monkeypatch.setenv("MNIST_LAB_CERTIFICATES", str(certificates))
    host, port = address.split(":")
    scheduler = documented_command("scheduler", certificates, **{"8786": port})
    worker = documented_command("worker", certificates, **{"tls://boss:8786": f"tls://{address}"})
    processes = [start([*scheduler, "--host", host])]
    processes += [start(worker) for _ in range(WORKERS)]
    yield processes[1:]
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty PostgreSQL database; its URL is in MNIST_LAB_DATABASE."""
    with postgres() as url:
        monkeypatch.setenv("MNIST_LAB_DATABASE", url)
        yield url


@contextmanager
def server() -> Iterator[StudyRunner]:
    """What an app's server keeps: a store, an engine and a study runner."""
    store = Store()
    engine = Engine(store, trainer=TRIALS)
    runner = StudyRunner(engine)
    try:
        yield runner
    finally:
        runner.close()
        engine.close()
        store.close()


def test_a_study_on_a_cluster_bears_the_death_of_a_worker_and_of_its_server(
    database: str, workers: list[subprocess.Popen[bytes]], hold: Path
) -> None:
    with server() as first, server() as second:
        store = second.store
        assert store.engine.dialect.name == "postgresql"
        for runner in (first, second):
            runner.engine.warm()
            wait(lambda r=runner: len(r.engine.workers()) == WORKERS, "three workers")
        study_id = first.start(study(trials=9, base=HELD))
        assert not second.resume(study_id), "two servers must not both drive a study"

        wait(lambda: len(running(store, study_id)) == WORKERS, "three trials at once")
        assert len({run.worker for run in running(store, study_id)}) == WORKERS
        recorded = {run.id: run.step for run in running(store, study_id)}
        workers[0].send_signal(signal.SIGKILL)
        wait(lambda: [t for t in trials(store, study_id) if t.retried], "a second try")
        assert all(store.run(run_id).step >= step for run_id, step in recorded.items())

        # The other server sees and steers what the first one drives.
        second.stop(study_id)
        assert ended(store, study_id).status == "stopped"
        hold.unlink()
        assert second.resume(study_id)
        assert records.get(store, study_id).server == second.engine.id
        assert ended(store, study_id).status == "finished"

        done = trials(store, study_id)
        assert [trial.state for trial in done] == ["finished"] * 9
        assert [trial.retried for trial in done].count(True) == 1
        for trial in done:
            run = store.run(trial.run)
            assert [epoch.epoch for epoch in store.epochs(run.id)] == [1, 2, 3]
            steps = store.steps(run.id).step.tolist()
            assert steps == list(range(1, run.step + 1)), "no step is lost or there twice"
            assert len(store.snapshots(run.id)) == 3


def test_workers_get_a_data_set_of_ones_own_from_whichever_server_started_the_run(
    database: str, workers: list[subprocess.Popen[bytes]]
) -> None:
    data = bars(train=3000)
    experiment = PRESETS["two-layer"].on(from_arrays(data).digest, 3)
    stores = Store(), Store()
    engines = [Engine(store, trainer="tests.support.fake_training:train_on") for store in stores]
    try:
        datasets.keep(stores[0], "ada", from_arrays(data))
        for engine in engines:
            engine.warm()
            wait(lambda e=engine: len(e.workers()) == WORKERS, "three workers")
        runs = [engine.start(experiment, owner="ada") for engine in engines * 3]
        wait(lambda: not stores[0].active_runs(), "the end of all runs")
        for run in map(stores[0].run, runs):
            assert (run.status, run.message) == ("finished", "")
            assert run.test_loss == pytest.approx(data.x_train.mean())
            assert run.test_accuracy == pytest.approx(1 / 3)
        # Another owner has no such set, whatever a worker may hold of it.
        other = engines[0].start(PRESETS["two-layer"].on("ab" * 16, 3), owner="bob")
        wait(lambda: stores[0].run(other).status == "failed", "a sentence")
        assert "is not here" in stores[0].run(other).message
    finally:
        for opened in (*engines, *stores):
            opened.close()


def running(store: Store, study_id: str) -> list[Run]:
    """The runs of the study that train and have ended an epoch."""
    named = [trial.run for trial in trials(store, study_id) if trial.run]
    found = [store.run(run) for run in named]
    return [run for run in found if run.status == "running" and run.step > 0]
