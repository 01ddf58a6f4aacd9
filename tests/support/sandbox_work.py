"""Bodies of work for tests of the sandbox: each does one thing that the sandbox must survive."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from mnist_core.base.sandbox import answer, request_in


def work(folder: Path) -> None:
    """Do what the request names."""
    request, _ = request_in(folder)
    {
        "count": _count,
        "hoard": _hoard,
        "crash": _crash,
        "wait": _wait,
        "answer": lambda folder: answer(folder, {"nice": os.nice(0)}),
    }[request["do"]](folder)


def _count(_folder: Path) -> None:
    while True:
        pass


def _hoard(_folder: Path) -> None:
    held = []
    while True:
        held.append(bytearray(20_000_000))


def _crash(_folder: Path) -> None:
    ctypes.string_at(0)


def _wait(folder: Path) -> None:
    (folder / "pid").write_text(str(os.getpid()))
    time.sleep(600)
