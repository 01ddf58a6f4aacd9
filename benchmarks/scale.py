"""Cost of a study, and the gain from more workers.

1. Trials per minute with 1, then with 2 worker processes on this machine: a study of the
   two-layer network on 5,000 images, trained for real. The workers share the cores, each with
   its share of the threads; a warm-up study loads TensorFlow and compiles.
2. The cost of a trial beside its training: the same study with training that ends at once, with
   1 up to 64 tasks in flight. A task is a thread of a worker; `--processes` says over how many
   worker processes the threads spread, so that 64 workers' worth of tasks fit a small machine.
   The cost is the wall time over the number of trials: Optuna's proposal, the engine, the
   events' way back and every write to the database.

Everything runs on a scheduler of its own on loopback, with SQLite in a new MNIST_LAB_HOME, or the
database that `--database` names.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks._cluster import cluster
from mnist_core.engine.engine import Engine
from mnist_core.engine.worker import TRAIN
from mnist_core.experiment.study import SamplerName, StudySpec, default_study
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.studies.runner import StudyRunner

SUMMARY = "trials per minute with 1 and 2 workers, and a trial's cost beside its training"
STUB = "benchmarks._stub:train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--trials", type=int, default=12, help="real trials a study (default 12)")
    parser.add_argument("--stubs", type=int, default=128, help="stub trials a row (default 128)")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--flights", type=int, nargs="*", default=[1, 8, 64],
                        help="tasks in flight (default 1 8 64)")  # fmt: skip
    parser.add_argument("--database", help="an SQLAlchemy URL (default: SQLite)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure and print both tables; returns the same figures."""
    report: dict[str, Any] = {"workers": {}, "stubs": {}}
    print("\ntrials trained for real: default study, two-layer network on 5,000 images")
    for workers in (1, 2):
        if args.trials:
            rate = _real(workers, args.trials, args.database)
            report["workers"][workers] = rate
            print(f"  {workers} worker(s)  {rate:6.1f} trials/min", flush=True)
    print("\ntraining stubbed out: a trial's cost beside its training")
    for flights in args.flights:
        processes = min(flights, args.processes)
        for sampler in ("random", "tpe"):
            cost = _stubbed(flights, processes, args.stubs, sampler, args.database)
            report["stubs"][f"{sampler} {flights}"] = cost
            print(
                f"  {flights:3} in flight, {processes} process(es), {sampler:<6} "
                f"{1000 * cost:6.1f} ms a trial, {60 / cost:6.0f} trials/min",
                flush=True,
            )
    return report


def _real(workers: int, trials: int, database: str | None) -> float:
    """Trials per minute, after a warm-up of each worker."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    spec = default_study().model_copy(update={"trials": trials, "sampler": "random"})
    with _lab(workers, 1, TRAIN, threads, database) as runner:
        _time(runner, spec.model_copy(update={"trials": 2 * workers, "seed": 1}))
        return 60 * trials / _time(runner, spec)


def _stubbed(
    flights: int, processes: int, trials: int, sampler: SamplerName, database: str | None
) -> float:
    """Seconds a trial."""
    base = default_study()
    spec = base.model_copy(update={"trials": trials, "sampler": sampler})
    with _lab(processes, -(-flights // processes), STUB, 1, database) as runner:
        _time(runner, spec.model_copy(update={"trials": 2 * flights, "seed": 1}))
        return _time(runner, spec) / trials


def _time(runner: StudyRunner, spec: StudySpec) -> float:
    began = time.perf_counter()
    study_id = runner.start(spec)
    while (study := records.get(runner.store, study_id)) is not None and study.active:
        time.sleep(0.02)
    if study is None or study.status != "finished":
        raise RuntimeError(f"The study {study and study.status}: {study and study.message}")
    return time.perf_counter() - began


@contextmanager
def _lab(
    processes: int, tasks: int, trainer: str, threads: int, database: str | None
) -> Iterator[StudyRunner]:
    """A scheduler with so many worker processes, each for so many `tasks` at once, and a server."""
    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder, ExitStack() as stack:
        scheduler = stack.enter_context(cluster(Path(folder), processes, tasks, threads, trainer))
        store = Store(database, home=Path(folder))
        stack.callback(store.close)
        engine = Engine(store, scheduler=scheduler, trainer=trainer)
        stack.callback(engine.close)
        runner = StudyRunner(engine)
        stack.callback(runner.close)
        engine.warm()
        while len(engine.workers()) < processes:
            time.sleep(0.05)
        yield runner
