"""Sandbox: work in a process of its own that is limited in time and memory and ends afterwards.

Converters load TensorFlow and more, and files from elsewhere are parsed by native code: neither
its memory nor its crashes may reach the app. The parent writes what is needed into a folder,
`call` runs `work(folder)` of a module in a new Python process, and the parent reads the answer
from the folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.base.environments import clean_environment
from mnist_core.base.paths import REPOSITORY

REQUEST, ARRAYS, ANSWER, ERRORS = "request.json", "arrays.npz", "answer.json", "errors.txt"
MAX_ANSWER = 50_000_000
# How the process says that it was refused memory.
NO_MEMORY_CODE = 77


@dataclass(frozen=True)
class ProcessLimits:
    """The resources that a sandboxed process may use.

    `seconds` are on the wall clock; `cpu_seconds` count all threads together; `memory` is in bytes
    and counts what the process asks for itself, without the libraries that it maps; `file_bytes`
    is the largest file that it may write. All but `seconds` need a system with POSIX limits.
    """

    seconds: float = 180
    cpu_seconds: int = 120
    memory: int = 4_000_000_000
    file_bytes: int = 1_000_000_000


DEFAULT_LIMITS = ProcessLimits()


class WorkFailed(RuntimeError):
    """The process did not do its work; the message is a sentence for the person."""


class LimitReached(WorkFailed):
    """It asked for more time or memory than it may have."""


class ProcessCrashed(WorkFailed):
    """It ended in native code, without an exception."""


@contextmanager
def folder_with(request: Mapping[str, Any], **arrays: npt.NDArray[Any]) -> Iterator[Path]:
    """A temporary folder that holds a request for `call`; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mnist-lab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / REQUEST).write_text(json.dumps(request))
        np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]
        yield folder


def request_in(folder: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The work's side of `folder_with`."""
    with np.load(folder / ARRAYS, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return json.loads((folder / REQUEST).read_text()), arrays


def answer(folder: Path, values: Any) -> None:
    """The work's last act; `values` is plain JSON."""
    (folder / ANSWER).write_text(json.dumps(values))


def call(
    module: str,
    folder: Path,
    seconds: float | None = None,
    limits: ProcessLimits = DEFAULT_LIMITS,
) -> Any:
    """Run `work(folder)` of `module` in a new process; returns what it gave to `answer`.

    Args:
        module: dotted name; only our own modules.
        folder: of `folder_with`; the process may write its results there, too.
        seconds: on the wall clock, instead of those of `limits`.
        limits: what the process may use.

    Raises:
        LimitReached: when it used up its time or memory.
        ProcessCrashed: when native code ended it.
        WorkFailed: when it failed otherwise, or gave no answer.
    """
    seconds = limits.seconds if seconds is None else seconds
    with (folder / ERRORS).open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 (this interpreter, this package's modules)
            [sys.executable, "-m", "mnist_core.base.sandbox", module, str(folder), _packed(limits)],
            cwd=REPOSITORY,
            env=clean_environment(),
            stdin=subprocess.PIPE,  # closes when this process ends, whichever way
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Its own children end with it, and Ctrl+C in the terminal is for the server.
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LimitReached(
                f"This took longer than {seconds:g} seconds and was stopped."
            ) from None
        finally:
            _end(process)
    if code:
        raise _failure(code, folder / ERRORS, limits)
    try:
        if (folder / ANSWER).stat().st_size > MAX_ANSWER:
            raise WorkFailed("This failed: the process's answer was too long.")
        return json.loads((folder / ANSWER).read_text())
    except (OSError, ValueError):
        raise WorkFailed("This failed: the process gave no answer.") from None


def _packed(limits: ProcessLimits) -> str:
    return f"{limits.cpu_seconds},{limits.memory},{limits.file_bytes}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has started, if they still run."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _failure(code: int, errors: Path, limits: ProcessLimits) -> WorkFailed:
    """The sentence for an exit code."""
    if code == -getattr(signal, "SIGXCPU", 0):
        return LimitReached(
            f"This took more than {limits.cpu_seconds} seconds of computing time and was stopped."
        )
    last = _last_line(errors)
    if code == NO_MEMORY_CODE or "bad_alloc" in last:
        megabytes = limits.memory // 1_000_000
        return LimitReached(f"This needs more than the {megabytes:,} MB of memory allowed.")
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return ProcessCrashed(
            f"This failed: its process crashed ({name}). Nothing else was affected."
        )
    return WorkFailed(f"This failed: {last or 'the process ended early'}.")


def _last_line(errors: Path) -> str:
    with errors.open("rb") as file:
        file.seek(max(0, errors.stat().st_size - 4000))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip()[:300].rstrip(".") for line in reversed(lines) if line.strip()), "")


def set_limits(limits: ProcessLimits, cpu: bool = True) -> None:
    """Bound what this process may use from now on (not on Windows); `cpu`: its seconds, too."""
    try:
        import resource
    except ImportError:
        return
    bounds = [
        ("RLIMIT_DATA", limits.memory),
        ("RLIMIT_FSIZE", limits.file_bytes),
        ("RLIMIT_CORE", 0),
    ]
    for name, most in [*bounds, ("RLIMIT_CPU", limits.cpu_seconds)] if cpu else bounds:
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, hard))


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, and with it our stdin.

    A thread waits for that; where native code keeps the interpreter from running threads, Linux
    does it.
    """
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)

    def wait() -> None:
        os.read(0, 1)  # nothing is ever written
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def main(arguments: list[str]) -> int:
    """Do the work in the process of its own; returns its exit code."""
    module, folder, limits = arguments
    end_with_parent()
    set_limits(ProcessLimits(0, *(int(number) for number in limits.split(","))))
    if hasattr(os, "nice"):
        os.nice(5)  # the server and whoever looks at a page come first
    try:
        import_module(module).work(Path(folder))
    except MemoryError:
        return NO_MEMORY_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
