"""Answers that leave at once: TCP_NODELAY on the connections of Streamlit's server.

Streamlit 1.67 binds its socket without naming the protocol, and asyncio sets TCP_NODELAY only where
it is named. So the second write of an answer (the body after the headers, or the next message of a
page) waits until the browser has acknowledged the first, which a browser puts off for up to 40 ms:
half a second until a page of sixty small files stands. Connections inherit the option from the
socket that listens. Can go once `test_streamlit_still_binds_without_a_protocol` fails.
"""

from __future__ import annotations

import logging
import os
import socket

import psutil

log = logging.getLogger(__name__)


def answer_at_once(port: int) -> bool:
    """Set the option on this process's sockets that listen on `port`; False if none has it now.

    Without it pages come later, and nothing else changes. So it is on Windows, where psutil knows
    no descriptors, and where the system does not tell a process what it has open.
    """
    try:
        listening = _listening(port)
        for fd in listening:
            # A second descriptor of the same socket, so that closing it leaves the server's alone.
            with socket.socket(fileno=os.dup(fd)) as listener:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, psutil.Error) as error:
        log.debug("TCP_NODELAY could not be set on port %d: %s", port, error)
        return False
    if not listening:
        log.debug("no socket on port %d to set TCP_NODELAY on", port)
    return bool(listening)


def _listening(port: int) -> list[int]:
    """The descriptors of this process's sockets that listen on `port`."""
    return [
        connection.fd
        for connection in psutil.Process().net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.port == port
        and connection.fd >= 0
    ]
