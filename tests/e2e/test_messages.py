"""What a program that speaks as a browser does can do to a server."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed

from tests.e2e.helpers import wait_until
from tests.support.streamlit_client import CLOSED, CLOSED_OPERATIONS, client, message, operation

# In the log, where a worker has grown large.
RENEWED = "gives way to a fresh one"


def test_a_visitor_clears_nothing_and_ends_nothing(server) -> None:
    """Four orders to clear the server: still one engine, one scheduler, one worker."""
    said_before = len(server.whole_log())
    with client(server.url) as visitor:
        visitor.open_page("train")
        wait_until(lambda: len(server.worker_pids()) == 1, 60, "No worker came")
        workers, renewed = server.worker_pids(), server.whole_log().count(RENEWED)
        # The ports tell of schedulers, those that have no worker yet too.
        listening = ports(server.process.pid)
        for _ in range(4):
            for kind in sorted(CLOSED):
                visitor.send(message(kind))
            for kind in sorted(CLOSED_OPERATIONS):
                visitor.send(operation(kind))
            visitor.open_page("train")
        assert ports(server.process.pid) == listening
        # Another one only where it has grown large in earlier runs, and gives way when idle.
        wait_until(lambda: len(server.worker_pids()) == 1, 20, "There is not one worker")
        if server.whole_log().count(RENEWED) == renewed:
            assert server.worker_pids() == workers

    for _ in range(5):
        for nonsense in (b"\xff\xff\xff", "text"):
            with client(server.url) as visitor:
                visitor.connection.send(nonsense)
                with pytest.raises(ConnectionClosed):
                    visitor.answers("script_finished")
    with client(server.url) as another:
        menus = another.open_page("train")["selectbox"]
        for number in range(5):
            another.send(wrong_values(menus, number))
            another.answers("script_finished")
    with client(server.url) as another:
        menus = another.open_page("train")["selectbox"]
        assert menus[1:], "the page has the menus of a network"
        another.send(wrong_values(menus, "what no menu offers"))
        another.answers("script_finished")
        assert "exception" not in another.open_page("train")
    # Nor is there another door beside the websocket.
    with pytest.raises(HTTPError, match="403"):
        urlopen(f"{server.url}/_stcore/agent/interact", data=b"{}")
    log = server.whole_log()[said_before:]
    assert log.count("Traceback") == log.count("Uncaught app execution") == 1, log
    assert log.count("clear_cache") == log.count("cannot be read") == 1, log


def wrong_values(menus: list[str], value: int | str) -> BackMsg:
    """What no menu with these ids gives: numbers, or a text that is not among its own."""
    made = BackMsg()
    made.rerun_script.page_name = "train"
    for menu in menus:
        state = made.rerun_script.widget_states.widgets.add(id=menu)
        if isinstance(value, int):
            state.int_array_value.data.append(value)
        else:
            state.string_value = value
    return made


def ports(pid: int) -> set[int]:
    connections = psutil.Process(pid).net_connections()
    return {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
