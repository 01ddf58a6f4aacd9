"""Processes of ours beside the server: forked where a fork server runs, else started anew.

A forked process is there in a tenth of a second and shares with others what they all have
imported; see `fork_server`. Everywhere but on Linux, and with `MNIST_LAB_FORK=0`, each process is
started as a Python of its own, which imports TensorFlow itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import IO, Protocol

from mnist_core.base import fork_server
from mnist_core.base.environments import training_environment
from mnist_core.base.paths import REPOSITORY

log = logging.getLogger(__name__)

SETTING = "MNIST_LAB_FORK"
STANDARD_ERROR = 2
PIPE_BYTES = 1 << 20  # weights are megabytes
# How long it may take until the exit code is told of a process that has ended.
TOLD_SECONDS = 5.0
# How long it may take to give an order to the fork server.
ORDER_SECONDS = 10.0

FORK_SERVER_VARIABLES = {
    "KERAS_BACKEND": "tensorflow",
    "OPENBLAS_NUM_THREADS": "1",  # it starts its threads when it is imported
}

_server: ForkServer | None = None


class ChildProcess(Protocol):
    """What a forked process and a `subprocess.Popen` have in common."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    returncode: int | None

    @property
    def pid(self) -> int | None:
        """The process's id; None while it has not been forked yet."""

    def poll(self) -> int | None:
        """The exit code, None while it runs; a signal's number, negative, when that ended it."""

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""

    def kill(self) -> None:
        """End it."""


def start_fork_server(prepare: str) -> None:
    """Have processes forked from now on, where that can be done; returns at once.

    `prepare` is the module that imports what they have in common, and starts no thread.
    """
    global _server
    if _server is None and os.environ.get(SETTING, "").strip() != "0" and _can_fork():
        _server = ForkServer(prepare)
        _server.start()


def stop_fork_server() -> None:
    """Start every process from now on; those that were forked live on."""
    global _server
    if _server is not None:
        _server.close()
        _server = None


def start(
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    stdout: int = subprocess.PIPE,
    stderr: int | None = None,
) -> ChildProcess:
    """A new process that runs `main()` of a module of ours; it ends when its stdin does.

    `sys.argv` holds the arguments, and `environment` all environment variables that it finds.
    Standard output and error are as for `subprocess.Popen`. It is its own process group.
    """
    if _server is not None:
        with contextlib.suppress(OSError):  # no fork server can be started: then without
            return _server.fork(module, arguments, environment, stdout, stderr)
    return subprocess.Popen(  # noqa: S603 (this interpreter, our own module)
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        pipesize=PIPE_BYTES,
        start_new_session=True,
    )


def _can_fork() -> bool:
    """True where processes can be forked safely, and watched through descriptors (pidfd)."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        os.close(os.pidfd_open(os.getpid()))
        return True
    return False


class ForkServer:
    """The fork server as the process that started it sees it; started again when it has died.

    Any thread may call. It ends with the process that started it. One that died before it was
    ready is the last.
    """

    def __init__(self, prepare: str) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._works = True
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Its process's id, if it has been started."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Have it prepare itself, if it does not run; returns at once. Raises OSError."""
        with self._lock:
            self._living()

    def close(self) -> None:
        """End it."""
        with self._lock:
            if self._process is not None and self._requests is not None:
                self._requests.close()
                self._process.wait()
            self._process = self._requests = None

    def fork(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdout: int,
        stderr: int | None,
    ) -> ForkedProcess:
        """Order a process, see `start`; returns at once, even before it can be forked.

        Raises OSError.
        """
        self.start()
        work = {"module": module, "arguments": arguments, "environment": dict(environment)}
        stdin, to_stdin = _pipe()
        from_stdout, output = _pipe() if stdout == subprocess.PIPE else (None, _copy(stdout))
        channel, their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [stdin, output, _copy(stderr), their_end.detach()]
        process = ForkedProcess(channel, to_stdin, from_stdout)
        try:
            self._send(json.dumps(work).encode(), given)
        finally:
            for descriptor in given:
                os.close(descriptor)
        return process

    def _send(self, order: bytes, descriptors: list[int]) -> None:
        with self._lock:
            try:
                socket.send_fds(self._living(), [order], descriptors)
            except ConnectionError:  # it has died just now
                assert self._process is not None
                self._process.wait()
                socket.send_fds(self._living(), [order], descriptors)

    def _living(self) -> socket.socket:
        """The way to one that runs; a new one where it has died. Raises OSError."""
        if self._process is not None and self._requests is not None:
            if self._process.poll() is None:
                return self._requests
            log.warning("the fork server ended with %s", self._process.returncode)
            self._works = _was_ready(self._requests)
            self._requests.close()
            self._process = self._requests = None
        if not self._works:
            raise OSError("the fork server ended before it was ready")
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.settimeout(ORDER_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 (this interpreter, our own module)
                [sys.executable, "-m", "mnist_core.base.fork_server", str(theirs.fileno()),
                 self._prepare],
                cwd=REPOSITORY,
                env=training_environment() | FORK_SERVER_VARIABLES,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )  # fmt: skip
        return self._requests


class ForkedProcess:
    """A process that was ordered from a fork server; any thread may call.

    Where the fork server dies first, the process lives on, and ends with `-SIGKILL` for whoever
    asks, as nobody else can tell.
    """

    def __init__(self, channel: socket.socket, stdin: int, stdout: int | None) -> None:
        self.stdin: IO[bytes] | None = os.fdopen(stdin, "wb")
        self.stdout: IO[bytes] | None = None if stdout is None else os.fdopen(stdout, "rb")
        self.returncode: int | None = None
        self._pid: int | None = None
        self._pidfd: int | None = None
        self._lock = threading.Lock()
        self._channel = channel
        channel.settimeout(TOLD_SECONDS)
        # Not before: another thread may be waiting for one of these.
        weakref.finalize(self, channel.close)

    @property
    def pid(self) -> int | None:
        """The process's id; None while it has not been forked yet."""
        with self._lock:
            self._listen()
            return self._pid

    def poll(self) -> int | None:
        """The exit code, None while it runs; a signal's number, negative, when that ended it."""
        with self._lock:
            self._listen()
            if self.returncode is None and self._pidfd is not None and _ready(self._pidfd, 0):
                self.returncode = self._exit_code()
            return self.returncode

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        while (code := self.poll()) is None:
            _ready(self._channel.fileno() if self._pidfd is None else self._pidfd)
        return code

    def kill(self) -> None:
        """End it, also one that has not been forked yet."""
        with self._lock:
            self._listen()
            if self._pidfd is None and self.returncode is None:
                with contextlib.suppress(OSError):
                    self._channel.shutdown(socket.SHUT_RDWR)  # whoever forks it kills it at once
                self._listen()  # it may have come at the last moment
            if self._pidfd is not None and self.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _listen(self) -> None:
        """Hear of its beginning, or that there will be none."""
        if self._pid is not None or self.returncode is not None or not _ready(self._channel, 0):
            return
        try:
            said, descriptors, _, _ = socket.recv_fds(self._channel, 32, 1)
        except OSError:
            said = b""
        if not said:
            self.returncode = -signal.SIGKILL
            return
        self._pid, self._pidfd = int(said), descriptors[0]
        weakref.finalize(self, os.close, self._pidfd)

    def _exit_code(self) -> int:
        try:
            return int(self._channel.recv(32))
        except (OSError, ValueError):  # the fork server has gone
            return -signal.SIGKILL


def _was_ready(requests: socket.socket) -> bool:
    """True when a fork server that has ended could fork before."""
    with contextlib.suppress(ConnectionError):
        return bool(requests.recv(len(fork_server.READY)))
    return bool(requests.recv(len(fork_server.READY)))  # the error was an order left unread


def _pipe() -> tuple[int, int]:
    """Both ends of a new pipe: where to read and where to write."""
    import fcntl  # not on Windows

    read, write = os.pipe()
    with contextlib.suppress(OSError):  # then it holds less at once
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return read, write


def _copy(stream: int | None) -> int:
    """A descriptor for a standard stream, chosen as for `subprocess.Popen`, that may be closed."""
    if stream == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR)
    return os.dup(STANDARD_ERROR if stream is None else stream)


def _ready(descriptor: int | socket.socket, seconds: float | None = None) -> bool:
    """Wait until there is something to read, or an end; False when that takes longer."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))
