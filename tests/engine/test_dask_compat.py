"""What Dask is reached into for, and that it is still needed."""

from __future__ import annotations

import threading

import dask
import pytest
from distributed import Client, LocalCluster, Scheduler, Worker, get_worker

from mnist_core.engine import dask_client, dask_compat
from tests.support.runs import wait

began, wanted = threading.Event(), threading.Event()


@pytest.fixture(scope="module")
def client():
    """Of a scheduler and a worker in this process."""
    with (
        dask.config.set({"distributed.admin.low-level-log-length": 7}),
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="inproc://",
            dashboard_address=None,
        ) as cluster,
        Client(cluster, set_as_default=False) as opened,
    ):
        yield opened


def work_until_cancelled() -> None:
    worker = get_worker()
    if not dask_compat.is_cancelled(worker, "work"):
        began.set()
    wait(lambda: dask_compat.is_cancelled(worker, "work"), "the task's end")
    wanted.set()


def test_a_task_learns_that_it_was_cancelled(client):
    future = client.submit(work_until_cancelled, key="work", pure=False)
    assert began.wait(30)
    future.cancel()
    assert wanted.wait(30)


def test_the_scheduler_says_how_much_it_keeps(client):
    assert dask_client.kept_messages(client) == 7


def test_dask_still_opens_a_port_for_pages():
    """Where it has no such method any more, the classes without it close nothing."""
    assert callable(Worker.start_http_server) and callable(Scheduler.start_http_server)
