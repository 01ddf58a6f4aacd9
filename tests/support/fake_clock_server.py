"""A server in a process of its own whose wall clock a test sets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_core.base.paths import REPOSITORY


@dataclass(frozen=True)
class FakeClockServer:
    """`process` talks over its standard input and output, a line a word."""

    process: subprocess.Popen[str]
    clock: Path

    def set_clock(self, seconds: int) -> None:
        """Set its wall clock so many seconds ahead, negative ones back."""
        self.clock.write_text(str(seconds))

    def hear(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str = "") -> None:
        """Give it a line to read."""
        print(line, file=self.process.stdin, flush=True)


@contextmanager
def fake_clock_server(code: str, folder: Path, **settings: str) -> Iterator[FakeClockServer]:
    """Run Python `code`, its clock right at first, with these environment variables."""
    clock = folder / "clock"
    clock.write_text("0")
    process = subprocess.Popen(
        [sys.executable, "-c", f"import tests.support.fake_clock\n{code}"],
        cwd=REPOSITORY,
        env=os.environ | {"FAKE_CLOCK": str(clock)} | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield FakeClockServer(process, clock)
    finally:
        process.kill()
        process.communicate()
