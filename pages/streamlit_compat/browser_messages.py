"""A filter of browsers' messages in front of Streamlit's websocket.

Written for Streamlit 1.67. It takes ten kinds of messages from whoever connects
(`streamlit/proto/BackMsg.proto`); four of them are the pages' own, the others serve whoever
develops an app and act on the whole server: `clear_cache` empties the caches of all visitors, and
`install_skills` writes files. Streamlit has no setting that closes them. The filter is ASGI
middleware, which `st.App` takes; only the form of the messages is Streamlit's own.
docs/server.md lists what each kind can do. `test_every_kind_of_message_has_been_judged` fails when
a new version brings a kind that nobody has judged.
"""

from __future__ import annotations

import logging

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from mnist_core.base import logs

log = logging.getLogger(__name__)

# Run a page, stop it, "are you there?", "where do I upload this?", "make this download".
OPEN = frozenset({"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"})
OPEN_OPERATIONS = frozenset({"deferred_file", "dataframe_chunk"})
# Each name costs an address in the answer; a person chooses no more files at once.
MOST_FILES = 1000
# The largest that pages need is a drawing of 20,000 points, about 1.7 MB; files come by HTTP.
# `server.maxWidgetStateSize` in .streamlit/config.toml is the same in megabytes.
MAX_BYTES = 4_000_000
PROTOCOL_ERROR, TOO_BIG = 1002, 1009
# Who in Streamlit and its web server writes a line, often with a traceback, about what makes no
# sense.
LOGGERS = (
    "streamlit.web.server.starlette.starlette_websocket",
    "streamlit.runtime.runtime",
    "streamlit.runtime.app_session",
    "streamlit.runtime.backend_operation_handler",
    "streamlit.runtime.dataframe_chunk_handler",
    "streamlit.runtime.state.session_state",
    # Values that no widget of the page takes, and what a page makes of them.
    "streamlit.components.v2.bidi_component.serialization",
    "streamlit.error_util",
    # Requests that no page makes.
    "streamlit.web.server.starlette.starlette_auth_routes",
    "streamlit.web.server.starlette.starlette_routes",
    "uvicorn.error",
)


class BrowserMessages:
    """Passes on what pages need, drops the rest, and hangs up on what is no message at all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return

        async def sift() -> Message:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive":
                    return message
                refused = why_refused(message.get("bytes"))
                if refused is None:
                    return message
                # Whoever sends it can send it again and again: `logs` writes one line a minute.
                if (code := CLOSES.get(refused)) is None:
                    log.warning("a browser's message is refused: %s", refused)
                else:
                    log.warning(
                        "a browser's message is refused, its connection closed: %s", refused
                    )
                    await send({"type": "websocket.close", "code": code})
                    return {"type": "websocket.disconnect", "code": code}

        await self._app(scope, sift, send)


def write_each_once_a_minute() -> None:
    """Have Streamlit's lines about senseless messages written as `logs` writes ours."""
    repeats = logs.Repeats()
    for name in LOGGERS:
        logging.getLogger(name).addFilter(repeats)


UNREADABLE, TOO_LONG = "it cannot be read", "it is too long"
# Reasons for which the connection is closed, and the code that says so.
CLOSES = {UNREADABLE: PROTOCOL_ERROR, TOO_LONG: TOO_BIG}


def why_refused(data: bytes | None) -> str | None:
    """The reason against a message, in words for the log; None for one that pages need."""
    if data is None:  # text, where Streamlit speaks in bytes
        return UNREADABLE
    if len(data) > MAX_BYTES:  # before it is parsed: that takes many times its size
        return TOO_LONG
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return UNREADABLE
    kind = message.WhichOneof("type")
    if kind == "backend_operation_request":
        operation = message.backend_operation_request.WhichOneof("payload")
        return None if operation in OPEN_OPERATIONS else f"operation {operation}"
    if kind == "file_urls_request" and len(message.file_urls_request.file_names) > MOST_FILES:
        return "too many files at once"
    return None if kind in OPEN else f"kind {kind}"
