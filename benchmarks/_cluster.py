"""A Dask scheduler with worker processes on loopback, started for a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnist_core.base.environments import THREADS
from mnist_core.base.paths import REPOSITORY
from mnist_core.engine.worker import TRAIN, WARM

CLOSE_SECONDS = 10


@contextmanager
def cluster(
    folder: Path, processes: int, tasks: int = 1, threads: int = 1, trainer: str = TRAIN
) -> Iterator[str]:
    """The address of a scheduler with so many workers, each for so many `tasks` at once.

    A task computes with `threads`. The workers run in `folder` and end with the context.
    """
    import dask
    from distributed import LocalCluster

    environment = os.environ | {
        THREADS: str(threads),
        WARM: "1" if trainer == TRAIN else "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONPATH": str(REPOSITORY),
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",  # as docs/deploy.md has it
    }
    # As docs/deploy.md has it: else it keeps, and warns of, a thousand messages with weights.
    dask.config.set({"distributed.admin.low-level-log-length": 1})
    scheduler = LocalCluster(
        n_workers=0, protocol="tcp://", host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler.scheduler_address]
    command += ["--no-nanny", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    command += ["--nthreads", str(tasks), "--memory-limit", "0"]
    command += ["--preload", "mnist_core.engine.worker"]
    quiet = subprocess.DEVNULL
    workers = [
        subprocess.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
        for _ in range(processes)
    ]
    try:
        yield scheduler.scheduler_address
    finally:
        # The scheduler first, which tells its workers to end: it complains of those that are
        # killed. On a busy machine this may take longer, which is no reason to lose the figures.
        with suppress(TimeoutError):
            scheduler.close(timeout=CLOSE_SECONDS)
        for worker in workers:
            worker.kill()
            worker.wait()
