"""Additions to the head of the HTML that Streamlit serves.

Streamlit offers no way to add to it. What is added, and until when, say `first_style`
and `server_address`.
"""

from __future__ import annotations

import gzip

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.streamlit_compat import first_style, server_address

_END_OF_HEAD = b"</head>"


class PageHead:
    """ASGI middleware that completes the head of HTML pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def add(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None or message["type"] != "http.response.body":
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    page = completed(start, body)
                    await send(start)
                    await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, add)


def _is_page(start: Message) -> bool:
    """True for the start of an answer that is a whole HTML page in a form that can be read."""
    headers = MutableHeaders(raw=start["headers"])
    readable = headers.get("Content-Encoding", "gzip") == "gzip"
    html = headers.get("Content-Type", "").startswith("text/html")
    return start["status"] == 200 and html and readable


def completed(start: Message, body: bytes) -> bytes:
    """The page `body` with its head completed; the headers in `start` follow."""
    headers = MutableHeaders(raw=start["headers"])
    if "Content-Encoding" in headers:
        body = gzip.decompress(body)
        del headers["Content-Encoding"]
    added = first_style.RULE + server_address.SCRIPT
    page = body.replace(_END_OF_HEAD, added.encode() + _END_OF_HEAD, 1)
    headers["Content-Length"] = str(len(page))
    # They stand for the page as it was.
    del headers["ETag"]
    del headers["Last-Modified"]
    return page
