"""A process that stays and runs functions of ours, so that a crash in native code is its own.

It keeps what it has loaded and compiled from one call to the next; a call costs what it takes to
send its arguments and its result. When it dies, whoever waits for it tries again in a new one.
"""

from __future__ import annotations

import io
import itertools
import logging
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, Any

from mnist_core.base import child_process
from mnist_core.base.environments import computing_environment
from mnist_core.base.failed_before import FailedBefore
from mnist_core.base.sandbox import (
    LimitReached,
    ProcessCrashed,
    ProcessLimits,
    WorkFailed,
    set_limits,
)
from mnist_core.base.this_process import name_this_process

log = logging.getLogger(__name__)

NAME = "mnist-compute"
# Functions that it runs at once, and how many of them may be slow ones.
THREADS, SLOW = 8, 3
# How long one call may take, once it has begun, before the process is taken to be stuck.
CALL_SECONDS = 120.0
# How long it may take to import TensorFlow, from a slow disk.
START_SECONDS = 600.0
# In so many processes something is tried that has not begun when they end.
TRIES = 3
LIMITS = ProcessLimits(memory=6_000_000_000)

CRASHED = (
    "TensorFlow crashed in this computation, in a separate process. Nothing else was affected, "
    "but this cannot be shown."
)
NOT_STARTED = (
    "The process that computes with TensorFlow could not be started, so this cannot be shown. The "
    "server’s log says why; “make doctor” on the server checks the installation."
)
FAILED = "TensorFlow could not compute this, so it cannot be shown. The server’s log says why."
NO_MEMORY = (
    "There is not enough memory on the server for this computation. Try it again later, or with a "
    "smaller network."
)

Tell = Callable[..., None]


@dataclass(frozen=True, eq=False)
class _Request:
    """A function to be called, where its news go, and what its failure is remembered by."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    tell: Tell | None
    about: Hashable


class WarmProcess:
    """Runs module-level functions in one process; any thread may call.

    `prepare` is a module that it imports before anything else. Arguments and results are pickled:
    both sides are this program's own code, and nothing from outside is executed there.
    """

    def __init__(self, prepare: str = "", call_seconds: float = CALL_SECONDS) -> None:
        self._prepare, self._call_seconds = prepare, call_seconds
        self._process: _Process | None = None
        self._started = 0
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._failed = FailedBefore()
        # First come, first served: a lock would go to any of those who wait.
        self._turns = ThreadPoolExecutor(SLOW, "slow-computation")

    @property
    def pid(self) -> int | None:
        """The id of the process, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    @property
    def ready(self) -> bool:
        """True when the process answers; one that is still starting, or is to be, does not."""
        process = self._process
        return process is not None and process.ready

    @property
    def life(self) -> int:
        """The number of processes that have ended; what they had compiled is gone."""
        with self._lock:
            return self._started - (self._process is not None and self._process.alive)

    def run(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        about: Hashable,
        slow: bool = False,
        tell: Tell | None = None,
    ) -> Any:
        """`function(*arguments)`, computed there; what it raises is raised here.

        An error of another library than ours becomes WorkFailed: its class is not imported here.
        With `tell`, the function is given `tell=` to call with news, which arrive here in another
        thread. What is `slow` waits until fewer than SLOW others are under way.

        Raises:
            LimitReached: when it takes too long, or something of the same `about` just did.
            ProcessCrashed: when the process dies of it twice, the second time of it alone; or of
                something of the same `about` before.
            WorkFailed: when no process can be started, or none has memory enough.
        """
        request = _Request(function, arguments, tell, about)
        if slow:
            return self._turns.submit(self._compute, request).result()
        return self._compute(request)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.end()

    def _compute(self, request: _Request) -> Any:
        """In the process that stays or, where that may have died of this, in one of its own."""
        for _ in range(TRIES):
            self._failed.check(request.about)
            try:
                return self._ask(self._living(), request)
            except _Ended as ended:
                if ended.suspects_us:
                    break
        with self._alone:  # one process more is enough
            self._failed.check(request.about)  # others may have tried the same
            process = _Process(self._prepare)
            try:
                return self._ask(process, request)
            except _Ended:
                raise self._failed.keep(request.about, ProcessCrashed(CRASHED)) from None
            finally:
                process.end()

    def _ask(self, process: _Process, request: _Request) -> Any:
        call = process.ask(request)
        call.begun.wait()
        with suppress(TimeoutError):
            call.result.exception(self._call_seconds)
        if call.result.done():
            return call.result.result()
        stopped = f"This took longer than {self._call_seconds:g} seconds and was stopped."
        error = self._failed.keep(request.about, LimitReached(stopped))
        process.end()
        raise error

    def _living(self) -> _Process:
        with self._lock:
            if self._process is None or not self._process.alive:
                self._process = _Process(self._prepare)
                self._started += 1
            return self._process


class _Ended(Exception):
    """The process ended before it answered, perhaps because of what it was asked to do."""

    def __init__(self, suspects_us: bool) -> None:
        self.suspects_us = suspects_us


@dataclass(frozen=True, eq=False)
class _Call:
    """A request that was sent: whether it has begun or never will, and its result to come."""

    tell: Tell | None
    begun: threading.Event = field(default_factory=threading.Event)
    result: Future[Any] = field(default_factory=Future)


class _Process:
    """One life of the process: from its start to its end, whichever way it ends.

    Raises WorkFailed when there can be none.
    """

    def __init__(self, prepare: str) -> None:
        try:
            self._child = child_process.start(
                "mnist_core.base.warm_process",
                prepare,
                environment=computing_environment(),
                stderr=None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
            )
        except OSError as error:  # no memory or processes left
            log.error("the process for computations could not be started: %s", error)
            raise WorkFailed(NOT_STARTED) from error
        self.alive = True
        self._ended_by_us = False
        self._numbers = itertools.count()
        self._waiting: dict[int, _Call] = {}
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._ready, self._over = threading.Event(), threading.Event()
        self._was_ready = False
        threading.Thread(target=self._listen, name="warm-process", daemon=True).start()

    @property
    def pid(self) -> int | None:
        """The id of the process, None while it is about to start."""
        return self._child.pid

    @property
    def ready(self) -> bool:
        """True once it has imported what it needs, until its end."""
        return self._ready.is_set() and self.alive

    def ask(self, request: _Request) -> _Call:
        """Have it computed; the result fails with _Ended when the process ends before.

        Nothing is sent before the process reads: a pipe holds less than some messages, and whoever
        writes one would wait with no limit. Raises _Ended, and WorkFailed when it does not start.
        """
        if not self._ready.wait(START_SECONDS):
            self.end()
            log.error("the process for computations has not started in %g s", START_SECONDS)
            raise WorkFailed(NOT_STARTED)
        number, call = next(self._numbers), _Call(request.tell)
        wants_news = request.tell is not None
        message = pickle.dumps((number, request.function, request.arguments, wants_news), _PROTOCOL)
        with self._lock:
            if not self._was_ready:
                raise WorkFailed(NOT_STARTED)
            if not self.alive:
                raise _Ended(suspects_us=False)
            self._waiting[number] = call
        assert self._child.stdin is not None
        # When it has ended, as `_listen` will notice, the pipe is broken or closed.
        with self._writing, suppress(OSError, ValueError):
            self._child.stdin.write(message)
            self._child.stdin.flush()
        return call

    def end(self) -> None:
        """End it; those who wait for it are not to blame."""
        self._ended_by_us = True
        self._child.kill()
        self._over.wait()

    def _listen(self) -> None:
        """Hand out what it says, until it ends."""
        assert self._child.stdout is not None
        try:
            while True:
                self._heard(*pickle.load(self._child.stdout))  # noqa: S301 (our own process)
        except Exception as error:  # its end, or half a message before its end
            log.debug("the process for computations is over: %r", error)
        self._child.kill()
        code = self._child.wait()
        with self._lock:
            self.alive = False
            waiting, self._waiting = list(self._waiting.values()), {}
        if not self._ended_by_us and not self._was_ready:
            log.error("the process for computations could not be started: it ended with %s", code)
        elif not self._ended_by_us and waiting:
            log.warning("the process for computations ended with %s", code)
        for call in waiting:
            suspect = call.begun.is_set() and not self._ended_by_us
            call.result.set_exception(_Ended(suspect))
            call.begun.set()
        self._ready.set()
        self._over.set()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _heard(self, number: int, kind: str, value: Any) -> None:
        if number == _NO_CALL:
            if kind == "ready":
                self._was_ready = True
                self._ready.set()
            else:
                log.error("the process for computations could not be prepared: %s", value)
            return
        with self._lock:
            call = self._waiting[number]
            if kind in ("done", "failed"):
                del self._waiting[number]
        if kind == "begun":
            call.begun.set()
        elif kind == "told" and call.tell is not None:
            call.tell(*value)
        elif kind == "failed":
            error, details = value
            if details:
                log.warning("a computation failed: %s", details)
            call.result.set_exception(error)
        elif kind == "done":
            call.result.set_result(value)


# --- In the process itself ------------------------------------------------------------------------

_PROTOCOL = pickle.HIGHEST_PROTOCOL
# The number in messages about the process itself.
_NO_CALL = -1


class _Answers:
    """The way back to the one who asked; any thread may use it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def give(self, number: int, kind: str, value: Any = None) -> None:
        """Send one message."""
        message = pickle.dumps((number, kind, value), _PROTOCOL)
        with self._lock:
            self._stream.write(message)
            self._stream.flush()


def _compute(
    answers: _Answers,
    number: int,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    wants_news: bool,
) -> None:
    answers.give(number, "begun")
    more: dict[str, Any] = {}
    if wants_news:
        more["tell"] = lambda *news: answers.give(number, "told", news)
    try:
        answers.give(number, "done", function(*arguments, **more))
    except BaseException as error:  # whoever asked gets it, whatever it is
        answers.give(number, "failed", _for_the_server(error))


class _OursAlone(pickle.Unpickler):
    """Reads what consists of Python's own classes and ours."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse others: reading one of TensorFlow's would import it."""
        if module.partition(".")[0] not in ("builtins", "mnist_core"):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


def _for_the_server(error: BaseException) -> tuple[Exception, str]:
    """The error as the server can read it, and what is to be logged about one that it cannot."""
    details = "".join(traceback.format_exception(error))
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"MemoryError", "ResourceExhaustedError"}:
        return WorkFailed(NO_MEMORY), details
    with suppress(Exception):
        read = _OursAlone(io.BytesIO(pickle.dumps(error))).load()
        if isinstance(read, Exception):
            return read, ""
    return WorkFailed(FAILED), details


def main() -> None:
    """Answer requests until the one who sends them is gone."""
    name_this_process(NAME)
    answers = _Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever else is printed must not come between the answers
    set_limits(LIMITS, cpu=False)
    try:
        if prepare := sys.argv[1]:
            import_module(prepare)
    except BaseException:
        answers.give(_NO_CALL, "broken", traceback.format_exc())
        raise
    answers.give(_NO_CALL, "ready")
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            try:
                request = pickle.load(sys.stdin.buffer)  # noqa: S301 (our own parent)
            except EOFError:
                os._exit(0)
            pool.submit(_compute, answers, *request)


if __name__ == "__main__":
    main()
