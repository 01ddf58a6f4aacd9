"""What a running lab listens on: its own page for everyone, all else for itself alone."""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from distributed.comm import connect
from distributed.security import Security

from tests.e2e.helpers import open_page, start_training, wait_for_status


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """Host and port of each socket on which this process waits for others."""
    found = process.net_connections(kind="inet")
    return {(each.laddr.ip, each.laddr.port) for each in found if each.status == "LISTEN"}


def answer(scheme: str, port: int) -> object:
    """What a Dask client with no certificate of this lab gets to know; raises where refused."""

    async def ask() -> object:
        other = Security.temporary().get_connection_args("client") if scheme == "tls" else {}
        comm = await connect(f"{scheme}://127.0.0.1:{port}", timeout=5, **other)
        await comm.write({"op": "identity", "reply": True})
        return await comm.read()

    # In a thread: the browser's driver has an event loop in this one.
    with ThreadPoolExecutor(1) as other_thread:
        return other_thread.submit(asyncio.run, asyncio.wait_for(ask(), 10)).result()


@pytest.mark.on("private")
def test_only_the_page_is_open_and_nobody_else_is_heard(server, page):
    open_page(page, f"{server.url}/train?preset=two-layer&epochs=1", "start_training")
    start_training(page)
    wait_for_status(page, "finished", timeout=120)

    tree = psutil.Process(server.process.pid)
    (worker,) = [psutil.Process(pid) for pid in server.worker_pids()]
    ports = {process.pid: listening(process) for process in (tree, *tree.children(recursive=True))}
    own = {place for places in ports.values() for place in places if place[1] != server.port}
    assert {host for host, _ in own} == {"127.0.0.1"}
    assert len(own) == 2 and len(ports[worker.pid]) == 1, "the scheduler's port and the worker's"
    for _, port in own:
        for scheme in ("tcp", "tls"):
            with pytest.raises((OSError, ssl.SSLError)):
                answer(scheme, port)
    secret = server.settings["MNIST_LAB_STATUS_KEY"]
    assert secret in tree.environ().values(), "the server has a secret"
    # A forked process has this from the one it was forked from.
    for below in tree.children(recursive=True):
        assert secret not in below.environ().values(), "and keeps it to itself"
