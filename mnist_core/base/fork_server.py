"""A fork server: a process that imports once what several others need, and forks them on request.

`python -m mnist_core.base.fork_server SOCKET MODULE` imports the module and then takes orders
from the socket, which only the process that started it has. An order is one packet of JSON
(`module`, `arguments`, `environment`) with four descriptors: a channel, and the standard streams of
the new process.

The new process falls, as an orphan, to the process that ordered it, which is a "child subreaper"
(prctl(2)): it is told from any other child in nothing. It tells its id on the channel and runs the
module's `main()`, unless it finds word there that nobody wants it any more. On an order that came
to nothing the channel says so, or ends.

`child_process` is the other side. Only for Linux.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mnist_core.base import allocator
from mnist_core.base.this_process import name_this_process

NAME = "mnist-forks"
# Of an order; a socket of this kind takes 200 kB at once.
MOST_BYTES = 1 << 20
STREAMS = 3
# Told once, to whoever has started it.
READY = b"ready"
# Told on a channel, in place of an id: there is no room for another process.
REFUSED = b"refused"
# Told on a channel from the other end.
UNWANTED = b"unwanted"
ORPHAN_SECONDS = 0.001


@dataclass(frozen=True)
class Order:
    """What a new process is to be: `work` as JSON has it, and the descriptors that came along."""

    work: dict[str, Any]
    channel: socket.socket
    streams: list[int]

    def close(self) -> None:
        """Let go of the descriptors."""
        for stream in self.streams:
            os.close(stream)
        self.channel.close()


def main() -> None:
    """Prepare, then fork on request until whoever orders is gone."""
    name_this_process(NAME)
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, no end of a child could be awaited
    import_module(sys.argv[2])
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        # Whatever another thread has locked at a fork stays locked in the new process for ever.
        raise SystemExit(f"{sys.argv[2]} starts threads: no process can be forked from this one.")
    gc.collect()
    gc.freeze()  # a collection would write to each object, and no two processes share it any more
    allocator.give_back()
    with suppress(Exception):  # then it only holds more memory
        allocator.leave_files()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # else each new process writes it once more
    requests.send(READY)
    order = _fork_on_request(requests)
    if order is not None:
        if not _announce(order.channel):
            os._exit(1)
        _become(order)
        import_module(order.work["module"]).main()


def _fork_on_request(requests: socket.socket) -> Order | None:
    """Fork until the other end of `requests` is closed; returns an order in each new process."""
    while (order := _receive(requests)) is not None:
        if _fork(order.channel):
            requests.close()
            return order
        order.close()
    return None


def _receive(requests: socket.socket) -> Order | None:
    """The next order; None when there is nobody left to give one."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MOST_BYTES, 1 + STREAMS)
        if not message:
            return None
        if len(descriptors) == 1 + STREAMS:
            channel, *streams = descriptors
            return Order(json.loads(message), socket.socket(fileno=channel), streams)
        for descriptor in descriptors:  # there was no room for all of them
            os.close(descriptor)


def _fork(channel: socket.socket) -> bool:
    """Fork a process that is a child of whoever has started this one; returns True in it."""
    here, above = os.getpid(), os.getppid()
    try:
        if between := os.fork():
            os.waitpid(between, 0)
            return False
        between = os.getpid()
        if os.fork():
            os._exit(0)
    except OSError:  # no room for another process
        _refuse(channel)
        if os.getpid() != here:
            os._exit(1)
        return False
    while os.getppid() == between:
        time.sleep(ORPHAN_SECONDS)
    if os.getppid() != above:  # which has ended, or takes in no orphans
        _refuse(channel)
        os._exit(1)
    return True


def _refuse(channel: socket.socket) -> None:
    with suppress(OSError):  # nobody wants to know any more
        channel.send(REFUSED)


def _announce(channel: socket.socket) -> bool:
    """Tell that this process is there; False when nobody wants it any more."""
    try:
        channel.send(str(os.getpid()).encode())
        channel.recv(len(UNWANTED), socket.MSG_DONTWAIT)
    except BlockingIOError:  # no word to the contrary
        return True
    except OSError:
        pass
    return False


def _become(order: Order) -> None:
    """Take on the streams and the environment that were ordered, in the new process."""
    os.setsid()  # Ctrl+C is for the server, and signals to a group reach this process alone
    for number, stream in enumerate(order.streams):
        os.dup2(stream, number)
    order.close()
    os.environ.clear()
    os.environ.update(order.work["environment"])
    sys.argv[:] = [order.work["module"], *order.work["arguments"]]


if __name__ == "__main__":
    main()
