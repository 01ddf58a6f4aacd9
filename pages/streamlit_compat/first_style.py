"""A rule that keeps a page unseen until its style sheet has come.

Written for Streamlit 1.67. Its browser part fetches the script that puts `st.html` into a page only
when the first one is due, while containers and widgets are drawn at once: at a first visit they lay
unstyled, one below the other, for a moment. A rule in the head of the page that Streamlit serves
hides the page's block; the app's style sheet (`widgets/layout.py`), which comes in such an
`st.html`, lifts it. Should that never come, the block is shown after `LONGEST_SECONDS`: the rule is
an animation, which ends by itself. Can go once Streamlit draws `st.html` with the rest
(`test_streamlit_still_fetches_the_script_of_html_when_it_is_due`).
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders

from pages.streamlit_compat.selectors import with_selectors

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LONGEST_SECONDS = 10
LIFTED = with_selectors(":st(page) { animation: none; }")
_RULE = with_selectors(
    "<style>@keyframes unstyled { from, to { visibility: hidden; } }"
    f" :st(page) {{ animation: unstyled {LONGEST_SECONDS}s; }}</style>"
)
_END_OF_HEAD = b"</head>"


class FirstStyle:
    """ASGI middleware that puts the rule into the head of HTML pages."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
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
                    page = with_rule(start, body)
                    await send(start)
                    await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, add)


def _is_page(start: Message) -> bool:
    """True for the start of an answer that is a whole HTML page in a form that can be read."""
    headers = MutableHeaders(raw=start["headers"])
    readable = headers.get("Content-Encoding", "gzip") == "gzip"
    html = headers.get("Content-Type", "").startswith("text/html")
    return start["status"] == 200 and html and readable


def with_rule(start: Message, body: bytes) -> bytes:
    """The page `body` with the rule in its head; the headers in `start` follow."""
    headers = MutableHeaders(raw=start["headers"])
    if "Content-Encoding" in headers:
        body = gzip.decompress(body)
        del headers["Content-Encoding"]
    page = body.replace(_END_OF_HEAD, _RULE.encode() + _END_OF_HEAD, 1)
    headers["Content-Length"] = str(len(page))
    # They stand for the page without the rule.
    del headers["ETag"]
    del headers["Last-Modified"]
    return page
