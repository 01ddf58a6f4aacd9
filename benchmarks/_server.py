"""A server of the app for one measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.server import Server


@contextmanager
def new_server(settings: dict[str, str] | None = None) -> Iterator[Server]:
    """A server with an empty home, for the caller to start; stopped and removed at the end.

    `settings` are environment variables besides those of this process.
    """
    from tests.e2e.server import Server

    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = Server(home, Path(folder) / "server.log", settings)
        try:
            yield server
        finally:
            server.stop()
