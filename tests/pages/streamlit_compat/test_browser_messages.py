"""What a browser may ask of the server: judged message by message, and by a real connection."""

from __future__ import annotations

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg
from websockets.exceptions import ConnectionClosed

from pages.streamlit_compat.browser_messages import MOST_FILES, UNREADABLE, why_refused
from tests.e2e.helpers import wait_until
from tests.e2e.server import running
from tests.support.streamlit_client import client

# Judged in docs/server.md. What a new version of Streamlit brings beside these stays closed, and
# is to be judged there and here.
OPEN = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"}
CLOSED = {
    "clear_cache",
    "set_run_on_save",
    "load_git_info",
    "debug_disconnect_websocket",
    "debug_shutdown_runtime",
}
OPEN_OPERATIONS = {"deferred_file", "dataframe_chunk"}
CLOSED_OPERATIONS = {"install_skills", "dismiss_skills_nudge"}


def message(kind: str) -> BackMsg:
    made = BackMsg()
    field = BackMsg.DESCRIPTOR.fields_by_name[kind]
    if field.message_type is None:
        setattr(made, kind, True)
    else:
        getattr(made, kind).SetInParent()
    return made


def operation(kind: str) -> BackMsg:
    made = BackMsg()
    getattr(made.backend_operation_request, kind).SetInParent()
    return made


def test_every_kind_of_message_has_been_judged() -> None:
    (kinds,) = BackMsg.DESCRIPTOR.oneofs
    assert {field.name for field in kinds.fields} == OPEN | CLOSED | {"backend_operation_request"}
    (operations,) = BackendOperationRequest.DESCRIPTOR.oneofs
    assert {field.name for field in operations.fields} == OPEN_OPERATIONS | CLOSED_OPERATIONS


@pytest.mark.parametrize("kind", sorted(OPEN | CLOSED))
def test_a_message_is_passed_on_or_not(kind: str) -> None:
    refused = why_refused(message(kind).SerializeToString())
    assert (refused is None) is (kind in OPEN)


@pytest.mark.parametrize("kind", sorted(OPEN_OPERATIONS | CLOSED_OPERATIONS))
def test_an_operation_is_passed_on_or_not(kind: str) -> None:
    refused = why_refused(operation(kind).SerializeToString())
    assert (refused is None) is (kind in OPEN_OPERATIONS)


def test_the_last_of_two_kinds_in_one_message_counts() -> None:
    """As it does for Streamlit's own reading."""
    first, last = message("app_heartbeat"), message("clear_cache")
    assert why_refused(first.SerializeToString() + last.SerializeToString())


@pytest.mark.parametrize("data", [None, b"\xff\xff\xff", b"\x0a\xff"])
def test_what_is_no_message_cannot_be_read(data: bytes | None) -> None:
    assert why_refused(data) == UNREADABLE


def test_an_empty_message_and_one_about_endless_files_are_refused() -> None:
    assert why_refused(b"")
    many = BackMsg()
    many.file_urls_request.file_names.extend(["a"] * (MOST_FILES + 1))
    assert why_refused(many.SerializeToString())


def test_a_visitor_clears_nothing_and_ends_nothing(home, tmp_path) -> None:
    """Four orders to clear the server: still one engine, one scheduler, one worker."""
    with running(home, tmp_path / "server.log") as server:
        with client(server.url) as visitor:
            visitor.open_page("train")
            wait_until(lambda: len(server.worker_pids()) == 1, 60, "No worker came")
            workers = server.worker_pids()
            # The ports tell of schedulers, those that have no worker yet too.
            listening = ports(server.process.pid)
            for _ in range(4):
                for kind in sorted(CLOSED):
                    visitor.send(message(kind))
                for kind in sorted(CLOSED_OPERATIONS):
                    visitor.send(operation(kind))
                visitor.open_page("train")
            assert server.worker_pids() == workers and ports(server.process.pid) == listening

        for _ in range(5):
            for nonsense in (b"\xff\xff\xff", "text"):
                with client(server.url) as visitor:
                    visitor.connection.send(nonsense)
                    with pytest.raises(ConnectionClosed):
                        visitor.answers("script_finished")
        with client(server.url) as another:
            another.open_page("train")
        log = server.log.read_text()
        assert log.count("clear_cache") == log.count("cannot be read") == 1, log
        assert "Traceback" not in log


def ports(pid: int) -> set[int]:
    connections = psutil.Process(pid).net_connections()
    return {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}
