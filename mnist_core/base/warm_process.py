"""A process that stays and runs functions of ours, so that a crash in native code is its own.

It keeps what it has loaded and compiled from one call to the next; a call costs what it takes to
send its arguments and its result. When it dies, whoever waits for it tries again in a new one.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from mnist_core.base import child_process
from mnist_core.base.environments import clean_environment
from mnist_core.base.process_name import name_this_process
from mnist_core.base.sandbox import LimitReached, ProcessCrashed, ProcessLimits, set_limits

log = logging.getLogger(__name__)

NAME = "mnist-compute"
# Functions that it runs at once.
THREADS = 8
# How long one call may take before the process is taken to be stuck.
CALL_SECONDS = 120.0
LIMITS = ProcessLimits(memory=6_000_000_000)


class WarmProcess:
    """Runs module-level functions in one process; any thread may call.

    `prepare` is a module that it imports before anything else. Arguments and results are pickled:
    both sides are this program's own code, and nothing from outside is executed there.
    """

    def __init__(
        self,
        prepare: str = "",
        call_seconds: float = CALL_SECONDS,
        idle_seconds: float | None = None,
    ) -> None:
        """`idle_seconds` with nothing to do end it; the next call starts it again."""
        self._prepare = prepare
        self._call_seconds, self._idle_seconds = call_seconds, idle_seconds
        self._process: _Process | None = None
        self._lock = threading.Lock()
        self._alone = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The id of the process, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    def start(self) -> None:
        """Have the process ready for the first call; returns at once."""
        self._living()

    def run(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        tell: Callable[..., None] | None = None,
    ) -> Any:
        """`function(*arguments)`, computed there; what it raises is raised here.

        With `tell`, the function is given `tell=` to call with news, which arrive here in
        another thread.

        Raises:
            LimitReached: when it takes too long.
            ProcessCrashed: when the process dies of it twice, the second time of it alone.
        """
        with suppress(_Died):
            return self._ask(function, arguments, tell)
        # All who waited for the process that died try again, one after the other: one of them
        # killed it, and the others are to have their results.
        with self._alone:
            try:
                return self._ask(function, arguments, tell)
            except _Died:
                raise ProcessCrashed(
                    "TensorFlow crashed in this computation, in a separate process. Nothing else "
                    "was affected, but this cannot be shown."
                ) from None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()

    def _ask(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        tell: Callable[..., None] | None,
    ) -> Any:
        process = self._living()
        future = process.ask(function, arguments, tell)
        try:
            return future.result(self._call_seconds)
        except TimeoutError:
            if future.done():  # it was the function that raised it
                raise
            process.kill()
            raise LimitReached(
                f"This took longer than {self._call_seconds:g} seconds and was stopped."
            ) from None

    def _living(self) -> _Process:
        with self._lock:
            if self._process is None or not self._process.alive:
                self._process = _Process(self._prepare, self._idle_seconds)
            return self._process


class _Died(Exception):
    """The process ended before it answered."""


class _Process:
    """One life of the process: from its start to its end, whichever way it ends."""

    def __init__(self, prepare: str, idle_seconds: float | None) -> None:
        self._child = child_process.start(
            "mnist_core.base.warm_process",
            prepare,
            environment=clean_environment(),
            stderr=None if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
        )
        self.alive = True
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[Future[Any], Callable[..., None] | None]] = {}
        self._used = time.monotonic()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._over = threading.Event()
        threading.Thread(target=self._listen, name="warm-process", daemon=True).start()
        if idle_seconds is not None:
            threading.Thread(target=self._end_when_idle, args=(idle_seconds,), daemon=True).start()

    @property
    def pid(self) -> int | None:
        """The id of the process, None while it is about to start."""
        return self._child.pid

    def ask(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        tell: Callable[..., None] | None,
    ) -> Future[Any]:
        """Have it computed; the future fails with _Died when the process ends before."""
        future: Future[Any] = Future()
        number = next(self._numbers)
        message = pickle.dumps((number, function, arguments, tell is not None), _PROTOCOL)
        with self._lock:
            if not self.alive:
                raise _Died
            self._waiting[number] = (future, tell)
            self._used = time.monotonic()
        assert self._child.stdin is not None
        with self._writing, suppress(OSError):  # then it has ended, as `_listen` will notice
            self._child.stdin.write(message)
            self._child.stdin.flush()
        return future

    def kill(self) -> None:
        """End it."""
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
        self._child.wait()
        with self._lock:
            self.alive = False
            waiting, self._waiting = list(self._waiting.values()), {}
        self._over.set()
        if waiting:
            log.warning("the process for computations ended with %s", self._child.returncode)
        for future, _ in waiting:
            future.set_exception(_Died())
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _heard(self, number: int, kind: str, value: Any) -> None:
        with self._lock:
            future, tell = self._waiting[number]
            if kind != "told":
                del self._waiting[number]
            self._used = time.monotonic()
        if kind == "told":
            if tell is not None:
                tell(*value)
        elif kind == "failed":
            future.set_exception(value)
        else:
            future.set_result(value)

    def _end_when_idle(self, seconds: float) -> None:
        while not self._over.wait(seconds / 10):
            with self._lock:
                idle = not self._waiting and time.monotonic() - self._used > seconds
                self.alive = self.alive and not idle
            if idle:
                self._child.kill()
                return


# --- In the process itself ------------------------------------------------------------------------

_PROTOCOL = pickle.HIGHEST_PROTOCOL


class _Answers:
    """The way back to the one who asked; any thread may use it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def give(self, number: int, kind: str, value: Any) -> None:
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
    more: dict[str, Any] = {}
    if wants_news:
        more["tell"] = lambda *news: answers.give(number, "told", news)
    try:
        kind, value = "done", function(*arguments, **more)
        answers.give(number, kind, value)
    except BaseException as error:  # whoever asked gets it, whatever it is
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 (written here)
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        answers.give(number, "failed", error)


def main() -> None:
    """Answer requests until the one who sends them is gone."""
    name_this_process(NAME)
    answers = _Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever else is printed must not come between the answers
    set_limits(LIMITS, cpu=False)
    if prepare := sys.argv[1]:
        import_module(prepare)
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            try:
                request = pickle.load(sys.stdin.buffer)  # noqa: S301 (our own parent)
            except EOFError:
                os._exit(0)
            pool.submit(_compute, answers, *request)


if __name__ == "__main__":
    main()
