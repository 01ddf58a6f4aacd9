"""Connections of the server send each piece of an answer at once."""

from __future__ import annotations

import socket

import psutil
import pytest
from streamlit.web.server.starlette.starlette_server import _bind_socket

from pages.streamlit_compat.no_delay import answer_at_once


@pytest.fixture
def listener():
    """A socket that listens, bound as Streamlit binds its own."""
    bound = _bind_socket("127.0.0.1", 0, 5)
    yield bound
    bound.close()


def delays(listener):
    """True when a connection of this socket keeps a piece back until the last one has come."""
    with socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            return not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_connections_of_the_server_s_port_send_at_once(listener):
    assert delays(listener)
    assert answer_at_once(listener.getsockname()[1])
    assert not delays(listener)


def test_without_such_a_port_nothing_happens(listener):
    port = listener.getsockname()[1]
    listener.close()
    assert not answer_at_once(port)


def test_where_psutil_gives_no_descriptor_nothing_happens(listener, monkeypatch):
    """As on Windows."""
    port = listener.getsockname()[1]
    found = [each._replace(fd=-1) for each in psutil.Process().net_connections("tcp")]
    assert any(each.laddr.port == port for each in found)
    monkeypatch.setattr(psutil.Process, "net_connections", lambda _process, _kind: found)
    assert not answer_at_once(port)
    assert delays(listener)


@pytest.mark.parametrize("error", [psutil.AccessDenied(), psutil.NoSuchProcess(1), OSError(24, "")])
def test_where_the_system_does_not_say_nothing_happens(error, listener, monkeypatch):
    def refuse(_process, _kind):
        raise error

    monkeypatch.setattr(psutil.Process, "net_connections", refuse)
    assert not answer_at_once(listener.getsockname()[1])


def test_a_socket_that_is_gone_by_then_is_no_problem(listener, monkeypatch):
    def gone(fd):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("os.dup", gone)
    assert not answer_at_once(listener.getsockname()[1])


def test_streamlit_still_binds_without_a_protocol(listener):
    """asyncio sets the option where it is `IPPROTO_TCP`: then `no_delay` can go."""
    assert listener.proto == 0
