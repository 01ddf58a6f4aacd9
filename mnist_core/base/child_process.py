"""Processes of ours beside the server: forked where a fork server runs, else started anew.

A forked process is there in a tenth of a second and shares with others what they all have
imported; see `fork_server`. Everywhere but on Linux, and with `MNIST_LAB_FORK=0`, each process is
started as a Python of its own, which imports TensorFlow itself. Either way it is a child of this
process.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from mnist_core.base import fork_server
from mnist_core.base.environments import training_environment
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.this_process import adopt_orphans

log = logging.getLogger(__name__)

SETTING = "MNIST_LAB_FORK"
STANDARD_ERROR = 2
PIPE_BYTES = 1 << 20  # weights are megabytes
# A fork server that has not answered an order for so long hangs; importing takes 2 to 6 s.
ANSWER_SECONDS = 60.0
# So many in a row that were killed before they were ready are the last.
MOST_FAILURES = 2

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
    if _server is None and os.environ.get(SETTING, "").strip() != "0" and adopt_orphans(True):
        _server = ForkServer(prepare)
        try:
            _server.start()
        except OSError as error:  # tried again with the first process that is wanted
            log.warning("no fork server can be started now: %s", error)


def stop_fork_server() -> None:
    """Start every process from now on; those that were forked live on."""
    global _server
    if _server is not None:
        _server.close()
        _server = None
        adopt_orphans(False)


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
    server = _server
    if server is not None:
        with contextlib.suppress(OSError):  # nothing can be forked now
            return server.fork(module, arguments, environment, stdout, stderr)
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


class ForkServer:
    """The fork server as the process that started it sees it; started again when it has died.

    Any thread may call. It ends with the process that started it, which must adopt orphans. One
    that failed before it was ready is the last.
    """

    def __init__(self, prepare: str) -> None:
        self._prepare = prepare
        self._lock = threading.Lock()
        self._works, self._failures = True, 0
        self._refused = False
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
        """End it; orders that it has not answered come to nothing."""
        with self._lock:
            if self._process is not None and self._requests is not None:
                self._process.kill()
                self._process.wait()
                self._requests.close()
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

        Raises OSError when it cannot be ordered, or the last one could not be forked.
        """
        work = {"module": module, "arguments": arguments, "environment": dict(environment)}
        with contextlib.ExitStack() as kept, contextlib.ExitStack() as given:
            channel, their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            kept.enter_context(channel), given.enter_context(their_end)
            stdin, to_stdin = _pipe()
            given.enter_context(stdin), kept.enter_context(to_stdin)
            from_stdout, output = _pipe() if stdout == subprocess.PIPE else (None, _copy(stdout))
            given.enter_context(output)
            if from_stdout is not None:
                kept.enter_context(from_stdout)
            error = given.enter_context(_copy(stderr))
            streams = [each.fileno() for each in (stdin, output, error)]
            forks = self._send(json.dumps(work).encode(), [their_end.fileno(), *streams])
            kept.pop_all()
        process = ForkedProcess(channel, to_stdin, from_stdout, self._was_refused)
        watch = threading.Timer(ANSWER_SECONDS, _end_if_stuck, (forks, process))
        watch.daemon = True
        with contextlib.suppress(RuntimeError):  # no room for a thread
            watch.start()
        return process

    def _was_refused(self) -> None:
        self._refused = True

    def _send(self, order: bytes, descriptors: list[int]) -> subprocess.Popen[bytes]:
        """Give the order; returns the fork server's process. Raises OSError."""
        with self._lock:
            if self._refused:
                self._refused = False
                raise OSError("the last process could not be forked")
            try:
                socket.send_fds(self._living(), [order], descriptors)
            except ConnectionError:  # it has died just now
                assert self._process is not None
                self._process.wait()
                socket.send_fds(self._living(), [order], descriptors)
            assert self._process is not None
            return self._process

    def _living(self) -> socket.socket:
        """The way to one that runs; a new one where it has died. Raises OSError."""
        if self._process is not None and self._requests is not None:
            if self._process.poll() is None:
                return self._requests
            self._note_end(self._process.returncode, self._requests)
            self._process = self._requests = None
        if not self._works:
            raise OSError("the fork server ended before it was ready")
        requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        requests.setblocking(False)  # one that takes no more orders hangs
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.enter_context(requests)
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
            unless_started.pop_all()
        self._requests = requests
        return requests

    def _note_end(self, code: int, requests: socket.socket) -> None:
        """Decide whether there is to be another one after this one's end."""
        self._failures = 0 if _was_ready(requests) else self._failures + 1
        requests.close()
        # What was killed, for lack of memory say, deserves another try; what failed fails again.
        self._works = not self._failures or (code < 0 and self._failures < MOST_FAILURES)
        log.warning("the fork server ended with %s", code)
        if not self._works:
            log.warning(
                "from now on each process that computes imports TensorFlow itself, "
                "which takes more memory and some seconds"
            )


def _end_if_stuck(forks: subprocess.Popen[bytes], ordered: ForkedProcess) -> None:
    """End a fork server that has left an order unanswered: then each order has an answer."""
    if ordered.pid is None and ordered.poll() is None:
        log.warning("the fork server does not answer and is ended")
        forks.kill()


class ForkedProcess:
    """A process that was ordered from a fork server; any thread may call.

    It is a child of this process, like one that `subprocess` has started. An order that comes to
    nothing is a process that was killed.
    """

    def __init__(
        self,
        channel: socket.socket,
        stdin: IO[bytes],
        stdout: IO[bytes] | None,
        refused: Callable[[], None],
    ) -> None:
        """`refused` is called when there was no room for it."""
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self.returncode: int | None = None
        self._pid: int | None = None
        self._lock = threading.Lock()
        self._channel, self._refused = channel, refused
        channel.setblocking(False)
        # Not before: another thread may be waiting for it.
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
            if self._pid is not None and self.returncode is None:
                self.returncode = _exit_code(self._pid)
            return self.returncode

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        while (code := self.poll()) is None:
            if self._pid is None:
                _wait_to_read(self._channel)
            else:
                with contextlib.suppress(ChildProcessError):  # another thread had its exit code
                    os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        return code

    def kill(self) -> None:
        """End it; one that has not been forked yet runs nothing when it is."""
        with self._lock:
            self._listen()
            if self._pid is None and self.returncode is None:
                with contextlib.suppress(OSError):
                    self._channel.send(fork_server.UNWANTED)
                self._listen()  # it may have come before it could find that
            if self._pid is not None and self.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)

    def _listen(self) -> None:
        """Hear of its beginning, or that there will be none."""
        if self._pid is not None or self.returncode is not None:
            return
        try:
            said = self._channel.recv(32)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said.isdigit():
            self._pid = int(said)
            return
        self.returncode = -signal.SIGKILL
        if said == fork_server.REFUSED:
            self._refused()


def _exit_code(pid: int) -> int | None:
    """The exit code of a child, which may be asked for until it is told; None while it runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # this process ignores SIGCHLD: then the system keeps none
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status) if ended else None


def _was_ready(requests: socket.socket) -> bool:
    """True when a fork server that has ended could fork before."""
    for _ in range(2):  # an order that was left unread is an error first
        with contextlib.suppress(OSError):
            return bool(requests.recv(len(fork_server.READY)))
    return False


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """Both ends of a new pipe: where to read and where to write."""
    import fcntl  # not on Windows

    read, write = os.pipe()
    with contextlib.suppress(OSError):  # then it holds less at once
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


def _copy(stream: int | None) -> IO[bytes]:
    """A standard stream, chosen as for `subprocess.Popen`, under a descriptor of its own."""
    if stream == subprocess.DEVNULL:
        return Path(os.devnull).open("r+b", buffering=0)
    return os.fdopen(os.dup(STANDARD_ERROR if stream is None else stream), "wb", buffering=0)


def _wait_to_read(channel: socket.socket) -> None:
    """Wait until there is something to read, or an end."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.poll()
