"""Answers that leave at once: TCP_NODELAY on the connections of Streamlit's server.

Streamlit 1.67 binds its socket without naming the protocol, and asyncio sets TCP_NODELAY only where
it is named. So the second write of an answer (the body after the headers, or the next message of a
page) waits until the browser has acknowledged the first, which a browser puts off for up to 40 ms:
half a second until a page of sixty small files stands. Connections inherit the option from the
socket that listens. Can go once `test_streamlit_still_binds_without_a_protocol` fails.
"""

from __future__ import annotations

import os
import socket

import psutil


def answer_at_once(port: int) -> bool:
    """Set the option on this process's socket that listens on `port`; False if there is none."""
    listening = [
        connection.fd
        for connection in psutil.Process().net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]
    for fd in listening:
        # A second descriptor of the same socket, so that closing it leaves the server's own alone.
        with socket.socket(fileno=os.dup(fd)) as listener:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bool(listening)
