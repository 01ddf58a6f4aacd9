"""Streamlit's own scripts and style sheets, each sent compressed and in one piece.

Streamlit 1.67 serves its 317 files uncompressed, and reads and sends each in several steps on
threads (`starlette_gzip_middleware._should_bypass_gzip` says why): 2 ms of the server's processor
for a file of 400 bytes, of which a page needs sixty and more, and 3.5 MB over a classroom's
network. Their names carry a hash of what is in them, so that a file, once compressed, can be kept.
Only the place of the files and of their address are Streamlit's own; a file that is not found here
is left to Streamlit. Can go once `test_streamlit_still_sends_its_scripts_uncompressed` fails.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit
import streamlit as st

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

FOLDER = Path(streamlit.__file__).with_name("static")
KINDS = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8"}
# As Streamlit has it: a new file comes under a new name.
_CACHED = b"public, immutable, max-age=31536000"


class StaticFiles:
    """ASGI middleware that answers for Streamlit's scripts and style sheets."""

    def __init__(self, app: App) -> None:
        self._app = app
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        root = f"/{base}/" if base else "/"
        self._files = {
            root + file.relative_to(FOLDER).as_posix(): file
            for file in (FOLDER / "static").rglob("*")
            if file.suffix in KINDS
        }
        self._compressed: dict[Path, bytes] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection."""
        file = self._files.get(scope.get("path", ""))
        if file is None or scope["type"] != "http" or scope["method"] != "GET" or not _plain(scope):
            await self._app(scope, receive, send)
            return
        body = self._compressed.get(file)
        if body is None:
            body = await asyncio.to_thread(lambda: gzip.compress(file.read_bytes(), 6, mtime=0))
            self._compressed[file] = body
        headers = [
            (b"content-type", KINDS[file.suffix]),
            (b"content-encoding", b"gzip"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", _CACHED),
            (b"vary", b"Accept-Encoding"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _plain(scope: MutableMapping[str, Any]) -> bool:
    """True for a request of the whole file by somebody who takes it compressed."""
    headers = dict(scope["headers"])
    return b"gzip" in headers.get(b"accept-encoding", b"") and b"range" not in headers
