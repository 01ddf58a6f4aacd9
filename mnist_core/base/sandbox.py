"""Work in a process of its own that ends afterwards: memory and crashes stay out of the app.

Converters load TensorFlow and more, and files from elsewhere are parsed by native code. The
parent writes what is needed into a folder, `call` runs `work(folder)` of a module in a new
Python process with limits, and the parent reads the answer from the folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 180
CPU_SECONDS = 300
MAX_MEMORY, MAX_FILE = 8_000_000_000, 1_000_000_000
REQUEST, ARRAYS, ANSWER = "request.json", "arrays.npz", "answer.json"
# What the process may know of the app's surroundings; settings and secrets stay behind.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP",
                  "USERPROFILE", "VIRTUAL_ENV", "MNIST_LAB_HOME")  # fmt: skip


class WorkFailed(RuntimeError):
    """The process did not do its work; the message is a sentence for the person."""


@contextmanager
def folder_with(request: Mapping[str, Any], **arrays: npt.NDArray[Any]) -> Iterator[Path]:
    """A temporary folder that holds a request for `call`; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mnist-lab-") as name:
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


def call(module: str, folder: Path, seconds: float = TIMEOUT_SECONDS) -> Any:
    """Run `work(folder)` of `module` in a new process; returns what it gave to `answer`.

    Raises WorkFailed when it takes longer than `seconds`, dies, or gives no answer.
    """
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment = kept | {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONWARNINGS": "ignore",
    }
    try:
        done = subprocess.run(  # noqa: S603 (this interpreter, this package's modules)
            [sys.executable, "-m", "mnist_core.base.sandbox", module, str(folder)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WorkFailed(f"This took longer than {seconds:g} seconds and was given up.") from None
    if done.returncode != 0:
        raise WorkFailed(f"This could not be done: {_last_line(done.stderr)}.")
    try:
        return json.loads((folder / ANSWER).read_text())
    except (OSError, ValueError):
        raise WorkFailed("This could not be done: the process gave no answer.") from None


def _last_line(errors: bytes) -> str:
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    return (lines[-1][:300].rstrip(".") if lines else "the process ended early") or "no reason"


def _set_limits() -> None:
    """Bounds on what a hostile file can make this process use (not on Windows)."""
    try:
        import resource
    except ImportError:
        return
    for name, most in (
        ("RLIMIT_CPU", CPU_SECONDS),
        ("RLIMIT_DATA", MAX_MEMORY),
        ("RLIMIT_FSIZE", MAX_FILE),
        ("RLIMIT_CORE", 0),
    ):
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, hard))


if __name__ == "__main__":
    _set_limits()
    import_module(sys.argv[1]).work(Path(sys.argv[2]))
