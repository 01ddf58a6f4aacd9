"""Streamlit's scripts and style sheets come compressed, and are what Streamlit serves."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
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


async def streamlit_s(scope, receive, send):
    """What stands behind: notes that it has been asked."""
    await send(None)


async def ask(files, path, *headers, method="GET"):
    """What a browser gets: headers and body; None when it is left to Streamlit."""
    sent: list[Any] = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    await files(scope, None, send)
    return sent[0] and (dict(sent[0]["headers"]), sent[1]["body"])


def answer(path, *headers, method="GET"):
    """The same, from a server that has just started."""
    return asyncio.run(ask(StaticFiles(streamlit_s), path, *headers, method=method))


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


def test_a_class_that_comes_all_at_once_has_a_file_compressed_once(monkeypatch):
    read = []

    def read_bytes(file):
        read.append(file)
        return b"text"

    monkeypatch.setattr(Path, "read_bytes", read_bytes)

    async def come():
        files = StaticFiles(streamlit_s)
        first = asyncio.create_task(ask(files, SCRIPT, ZIPPED))
        others = [asyncio.create_task(ask(files, SCRIPT, ZIPPED)) for _ in range(30)]
        await asyncio.sleep(0)
        first.cancel()  # whoever leaves takes nothing away from the others
        return await asyncio.gather(*others)

    bodies = {body for _, body in asyncio.run(come())}
    assert [gzip.decompress(body) for body in bodies] == [b"text"]
    assert len(read) == 1


def test_a_file_that_cannot_be_read_is_left_to_streamlit(monkeypatch):
    """As while an upgrade is under way; later it is tried again."""

    def gone(file):
        raise FileNotFoundError(file)

    async def come():
        files = StaticFiles(streamlit_s)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(Path, "read_bytes", gone)
            refused = await asyncio.gather(*(ask(files, SCRIPT, ZIPPED) for _ in range(3)))
        return refused, await ask(files, SCRIPT, ZIPPED)

    refused, later = asyncio.run(come())
    assert refused == [None] * 3
    assert later == answer(SCRIPT, ZIPPED)


def test_under_a_path_of_its_own(monkeypatch):
    monkeypatch.setattr(st, "get_option", lambda name: "/lab/")
    assert answer("/lab" + SCRIPT, ZIPPED) and answer(SCRIPT, ZIPPED) is None


def test_streamlit_still_sends_its_scripts_uncompressed():
    """Where it compresses them itself, and once, `static_files` can go."""
    assert _should_bypass_gzip(SCRIPT)
