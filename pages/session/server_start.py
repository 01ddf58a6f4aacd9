"""The server's start and end, with or without anybody who opens a page."""

from __future__ import annotations

import asyncio
import logging
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from mnist_core.base import logs, once
from mnist_core.base.errors import StoreError
from pages.session.upload_budget import UploadBudget
from pages.streamlit_compat import browser_messages, first_style

log = logging.getLogger(__name__)

# The first page that somebody opens does not wait behind this: it comes first, or later than this.
FIRST_SECONDS = 2.0
AGAIN_SECONDS = 5.0
# What stands between the network and Streamlit, the outermost first.
MIDDLEWARE = [
    Middleware(browser_messages.BrowserMessages),
    Middleware(UploadBudget),
    Middleware(first_style.FirstStyle),
]

_importing = threading.Lock()
_imported = threading.Event()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one thread at a time into this block, until `all_imported` has been called.

    Two that import NumPy for the first time in the same moment get half of it: its modules import
    each other in a circle.
    """
    if _imported.is_set():
        yield
        return
    with _importing:
        yield


def all_imported() -> None:
    """Engine and store have been imported, and all that they need."""
    _imported.set()


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, Any]]:
    """Around the whole life of the server."""
    logs.configure()
    browser_messages.write_each_once_a_minute()
    ending = threading.Event()
    threading.Thread(target=_take_up, args=(ending,), name="take-up", daemon=True).start()
    _open_browser()
    yield {}
    ending.set()
    await asyncio.to_thread(once.close_all)


def _take_up(ending: threading.Event) -> None:
    """Have an engine look after the runs: those of a server that was killed are told at once."""
    said, pause = False, FIRST_SECONDS
    while not ending.wait(pause):
        with one_at_a_time():
            from pages.session import services

            all_imported()
        pause = AGAIN_SECONDS
        try:
            services.take_up()
        except StoreError as error:
            if not said:
                log.warning("%s Until then this is tried every %g seconds.", error, AGAIN_SECONDS)
            said = True
        else:
            return


def _open_browser() -> None:
    """As `streamlit run` does for an app that is no `st.App`."""
    if st.get_option("server.headless"):
        return
    address = st.get_option("browser.serverAddress") or "localhost"
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    url = f"{scheme}://{address}:{st.get_option('server.port')}/{path}"
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
