"""Streamlit's scripts and style sheets come compressed, and are what Streamlit serves."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Any

import pytest
import streamlit as st
from streamlit.web.server.starlette.starlette_gzip_middleware import _should_bypass_gzip
from streamlit.web.server.starlette.starlette_server_config import (
    STATIC_ASSET_CACHE_MAX_AGE_SECONDS,
)

from pages.streamlit_compat.static_files import FOLDER, StaticFiles

ZIPPED = (b"accept-encoding", b"gzip, deflate, br")
NAMED = re.findall(
    r'"\./(static/[^"]+\.(?:js|css))"', (FOLDER / "index.html").read_text(encoding="utf-8")
)
SCRIPT = "/" + next(name for name in NAMED if name.endswith(".js"))


def answer(path, *headers, method="GET"):
    """What a browser gets: headers and body; None when it is left to Streamlit."""
    sent: list[Any] = []

    async def app(scope, receive, send):
        sent.append(None)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(StaticFiles(app)(scope, None, send))
    return sent[0] and (dict(sent[0]["headers"]), sent[1]["body"])


def test_the_files_of_streamlit_s_page_come_compressed():
    assert len(NAMED) > 20
    for name in NAMED:
        headers, body = answer("/" + name, ZIPPED)
        assert gzip.decompress(body) == (FOLDER / name).read_bytes()
        assert headers[b"content-encoding"] == b"gzip"
        assert headers[b"content-length"] == str(len(body)).encode()
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert headers[b"content-type"].decode().startswith(kind)
        assert str(STATIC_ASSET_CACHE_MAX_AGE_SECONDS).encode() in headers[b"cache-control"]


@pytest.mark.parametrize(
    ("path", "headers", "method"),
    [
        (SCRIPT, [], "GET"),
        (SCRIPT, [ZIPPED, (b"range", b"bytes=0-9")], "GET"),
        (SCRIPT, [ZIPPED], "HEAD"),
        ("/", [ZIPPED], "GET"),
        ("/index.html", [ZIPPED], "GET"),
        ("/static/js/../../index.html", [ZIPPED], "GET"),
        ("/lab" + SCRIPT, [ZIPPED], "GET"),
    ],
)
def test_everything_else_is_left_to_streamlit(path, headers, method):
    assert answer(path, *headers, method=method) is None


def test_under_a_path_of_its_own(monkeypatch):
    monkeypatch.setattr(st, "get_option", lambda name: "/lab/")
    assert answer("/lab" + SCRIPT, ZIPPED) and answer(SCRIPT, ZIPPED) is None


def test_streamlit_still_sends_its_scripts_uncompressed():
    """Where it compresses them itself, and once, `static_files` can go."""
    assert _should_bypass_gzip(SCRIPT)
