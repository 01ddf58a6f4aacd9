"""Streamlit's own scripts and style sheets, each sent compressed and in one piece.

Streamlit 1.67 serves its 317 files uncompressed, and reads and sends each in several steps on
threads (`starlette_gzip_middleware._should_bypass_gzip` says why): 2 ms of the server's processor
for a file of 400 bytes, of which a page needs sixty and more, and 3.5 MB over a classroom's
network. Their names carry a hash of what is in them, so that a file, once compressed, can be kept.
Only the place of the files and of their address are Streamlit's own; a file that is not found here,
or that an upgrade has taken away meanwhile, is left to Streamlit. Can go once
`test_streamlit_still_sends_its_scripts_uncompressed` fails.
"""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import streamlit
import streamlit as st
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(streamlit.__file__).with_name("static")
KINDS = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8"}
# As Streamlit has it: a new file comes under a new name.
_CACHED = b"public, immutable, max-age=31536000"


class StaticFiles:
    """ASGI middleware that answers for Streamlit's scripts and style sheets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        root = f"/{base}/" if base else "/"
        self._files = {
            root + file.relative_to(FOLDER).as_posix(): file
            for file in (FOLDER / "static").rglob("*")
            if file.suffix in KINDS
        }
        # Done, or at work: a class that comes all at once has each file compressed once.
        self._compressed: dict[Path, asyncio.Task[bytes | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        file = self._files.get(scope["path"]) if _plain(scope) else None
        body = await self._body(file) if file else None
        if file is None or body is None:
            await self._app(scope, receive, send)
            return
        headers = [
            (b"content-type", KINDS[file.suffix]),
            (b"content-encoding", b"gzip"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", _CACHED),
            (b"vary", b"Accept-Encoding"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _body(self, file: Path) -> bytes | None:
        """The compressed file; None when it cannot be read."""
        if file not in self._compressed:
            self._compressed[file] = asyncio.create_task(self._compress(file))
        # Others may wait for it too, whatever becomes of this connection.
        return await asyncio.shield(self._compressed[file])

    async def _compress(self, file: Path) -> bytes | None:
        try:
            return await asyncio.to_thread(lambda: gzip.compress(file.read_bytes(), 6, mtime=0))
        except OSError:
            del self._compressed[file]  # the next one who asks tries again
            return None


def _plain(scope: Scope) -> bool:
    """True for a request of a whole file by somebody who takes it compressed."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    headers = dict(scope["headers"])
    return b"gzip" in headers.get(b"accept-encoding", b"") and b"range" not in headers
