"""What Dask is reached into for, and that it is still needed."""

from __future__ import annotations

import asyncio
import threading
import time

import dask
import pytest
from distributed import Client, LocalCluster, Scheduler, Worker, get_worker
from distributed.batched import BatchedSend

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


class Comm:
    """The other side of a sender: what it was sent."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    async def write(self, messages: list[object], **_options: object) -> int:
        self.sent.extend(messages)
        return 1

    def closed(self) -> bool:
        return False


async def sent_with_a_deadline(seconds: float) -> list[object]:
    """What a sender that is woken has sent, its next deadline so many seconds ahead."""
    sender = BatchedSend(interval="2ms")
    sender.comm = comm = Comm()
    sender.next_deadline = time.time() + seconds
    sender.send({"op": "hello"})
    sending = asyncio.ensure_future(sender._background_send())
    for _ in range(10):  # turns of the loop, each of them a chance to send
        sender.waker.set()
        await asyncio.sleep(0.001)
    sender.please_stop = True
    sender.waker.set()
    await asyncio.wait([sending], timeout=1)
    return comm.sent


def test_dask_still_holds_messages_back_when_the_clock_was_set_back(monkeypatch):
    """Where it no longer does, `bear_clock_changes` can go."""
    monkeypatch.delattr(BatchedSend, "next_deadline", raising=False)
    assert asyncio.run(sent_with_a_deadline(3600)) == []
    dask_compat.bear_clock_changes()
    for seconds in (3600, 0.001):
        assert asyncio.run(sent_with_a_deadline(seconds)) == [{"op": "hello"}]


def test_the_scheduler_says_how_much_it_keeps(client):
    assert dask_client.kept_messages(client) == 7


def test_dask_still_opens_a_port_for_pages():
    """Where it has no such method any more, the classes without it close nothing."""
    assert callable(Worker.start_http_server) and callable(Scheduler.start_http_server)
