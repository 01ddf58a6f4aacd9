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
def new_server(
    settings: dict[str, str] | None = None, script: str | None = None
) -> Iterator[Server]:
    """A server with an empty home, for the caller to start; stopped and removed at the end.

    `settings` are environment variables besides those of this process; `script` is the text of
    another app, to be served instead of this one.
    """
    from tests.e2e.server import Server

    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        log = Path(folder) / "server.log"
        server = Server(home, log, settings)
        if script is not None:
            server.app = Path(folder) / "app.py"
            server.app.write_text(script, "utf-8")
        try:
            yield server
        finally:
            server.stop()
