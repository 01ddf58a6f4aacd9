"""Where a test's own servers listen."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of this machine's loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
