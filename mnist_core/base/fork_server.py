"""A fork server: a process that imports once what several others need, and forks them on request.

`python -m mnist_core.base.fork_server SOCKET MODULE` imports the module and then takes orders
from the socket, which only the process that started it has. An order is one packet of JSON
(`module`, `arguments`, `environment`) with four descriptors: the standard streams of the new
process and a channel. On the channel the new process's id is told, with a descriptor of the process
(pidfd), and its exit code when it has ended; nobody at the other end any more means that it is not
wanted. The new process runs the module's `main()`.

`child_process` is the other side. Only for Linux.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from mnist_core.base import allocator
from mnist_core.base.process_name import name_this_process

NAME = "mnist-forks"
# Of an order; a socket of this kind takes 200 kB at once.
MOST_BYTES = 1 << 20
STREAMS = 3
# Told once, to whoever has started it.
READY = b"ready"


@dataclass(frozen=True)
class Order:
    """What a new process is to be: `work` as JSON has it, and the descriptors that came along."""

    work: dict[str, Any]
    streams: list[int]
    channel: socket.socket

    def close(self) -> None:
        """Let go of the descriptors."""
        for stream in self.streams:
            os.close(stream)
        self.channel.close()


@dataclass(frozen=True)
class Child:
    """A process that was forked, and the channel on which its end is told."""

    pid: int
    channel: socket.socket

    def reap(self) -> None:
        """Tell the exit code of this child, which has ended."""
        _, status = os.waitpid(self.pid, 0)
        with suppress(OSError):  # nobody wants to know any more
            self.channel.send(str(os.waitstatus_to_exitcode(status)).encode())
        self.channel.close()


def main() -> None:
    """Prepare, then fork on request until whoever orders is gone."""
    name_this_process(NAME)
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, no exit code would be told
    import_module(sys.argv[2])
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        # Whatever another thread has locked at a fork stays locked in the new process for ever.
        raise SystemExit(f"{sys.argv[2]} starts threads: no process can be forked from this one.")
    gc.collect()
    gc.freeze()  # a collection would write to each object, and no two processes share it any more
    allocator.give_back()
    allocator.leave_files()
    requests.send(READY)
    order = _fork_on_request(requests)
    if order is not None:
        _become(order)
        import_module(order.work["module"]).main()


def _fork_on_request(requests: socket.socket) -> Order | None:
    """Fork until the other end of `requests` is closed; returns an order in each new process."""
    children: dict[int, Child] = {}  # by pidfd
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in children:
                poll.unregister(ready)
                children.pop(ready).reap()
                os.close(ready)
                continue
            order = _receive(requests)
            if order is None:
                return None
            try:
                pid = os.fork()
            except OSError:  # no room for another process: whoever ordered it is told by the end
                order.close()
                continue
            if pid == 0:
                requests.close()
                for pidfd, child in children.items():
                    os.close(pidfd)
                    child.channel.close()
                return order
            pidfd = _announce(pid, order)
            children[pidfd] = Child(pid, order.channel)
            poll.register(pidfd, select.POLLIN)


def _receive(requests: socket.socket) -> Order | None:
    """The next order; None when there is nobody left to give one."""
    message, descriptors, _, _ = socket.recv_fds(requests, MOST_BYTES, STREAMS + 1)
    if not message:
        return None
    *streams, channel = descriptors
    return Order(json.loads(message), streams, socket.socket(fileno=channel))


def _announce(pid: int, order: Order) -> int:
    """Tell who has ordered it that this process is there; returns its pidfd."""
    for stream in order.streams:
        os.close(stream)
    pidfd = os.pidfd_open(pid)
    try:
        socket.send_fds(order.channel, [str(pid).encode()], [pidfd])
    except OSError:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    return pidfd


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
