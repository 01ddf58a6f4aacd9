"""What a browser may ask of the server, judged message by message."""

from __future__ import annotations

import asyncio

import pytest
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg

from pages.streamlit_compat.browser_messages import (
    MAX_BYTES,
    MOST_FILES,
    PROTOCOL_ERROR,
    TOO_BIG,
    TOO_LONG,
    UNREADABLE,
    BrowserMessages,
    why_refused,
)
from tests.support.streamlit_client import (
    CLOSED,
    CLOSED_OPERATIONS,
    OPEN,
    OPEN_OPERATIONS,
    message,
    operation,
)


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


def test_a_message_beyond_the_largest_drawing_is_not_even_parsed() -> None:
    drawing = BackMsg()
    drawing.rerun_script.widget_states.widgets.add().json_value = "x" * (MAX_BYTES - 100)
    assert why_refused(drawing.SerializeToString()) is None
    drawing.rerun_script.widget_states.widgets[0].json_value += "x" * 100
    assert why_refused(drawing.SerializeToString()) == TOO_LONG
    assert why_refused(b"\xff" * (MAX_BYTES + 1)) == TOO_LONG


@pytest.mark.parametrize(
    ("data", "code"), [(b"\xff" * (MAX_BYTES + 1), TOO_BIG), (b"\xff", PROTOCOL_ERROR)]
)
def test_what_is_too_long_or_unreadable_closes_the_connection(data: bytes, code: int) -> None:
    sent, heard = [], []

    async def receive():
        return {"type": "websocket.receive", "bytes": data}

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        heard.append(await receive())

    asyncio.run(BrowserMessages(app)({"type": "websocket"}, receive, send))
    assert heard == [{"type": "websocket.disconnect", "code": code}]
    assert sent == [{"type": "websocket.close", "code": code}]


def test_streamlit_takes_no_more_than_the_filter_lets_through() -> None:
    assert 1_000_000 * config.get_option("server.maxWidgetStateSize") == MAX_BYTES
    # What the web server receives at most before the filter sees it.
    assert config.get_option("server.maxMessageSize") <= 20
