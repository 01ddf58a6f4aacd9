"""Entry point of the local training process: a Dask worker that only its own server reaches.

`python -m mnist_core.engine.worker_main` reads the scheduler's address and the certificate of this
start from standard input, two lines, so that neither is in a command line, an environment or a
file. It ends when standard input does.
"""

from __future__ import annotations

import asyncio

import dask
from distributed.security import Security

from mnist_core.base.this_process import name_this_process
from mnist_core.engine import certificates
from mnist_core.engine.dask_compat import WorkerWithoutHttp

NAME = "mnist-worker"
# Else Dask looks a hundred times a second which line of a task is running, for a page that nobody
# opens, and takes Python's lock from the training.
SETTINGS = {"distributed.worker.profile.enabled": False}


def main() -> None:
    """Serve the scheduler until it closes the worker, or the server ends."""
    name_this_process(NAME)
    # Unbuffered: what follows these lines belongs to `worker.dask_setup`, which waits for the end.
    with open(0, "rb", buffering=0, closefd=False) as lines:
        scheduler = lines.readline().decode().strip()
        security = certificates.from_json(lines.readline().decode())
    asyncio.run(_serve(scheduler, security))


async def _serve(scheduler: str, security: Security) -> None:
    with dask.config.set(SETTINGS):
        worker = WorkerWithoutHttp(
            scheduler,
            host="127.0.0.1",
            nthreads=1,
            memory_limit=0,
            security=security,
            preload=["mnist_core.engine.worker"],
        )
    async with worker:
        await worker.finished()


if __name__ == "__main__":
    main()
