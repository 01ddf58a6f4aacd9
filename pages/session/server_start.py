"""The server's start and end, with or without anybody who opens a page."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from mnist_core.base import allocator, child_process, computing, logs, once
from mnist_core.base.errors import StoreError
from mnist_core.base.sandbox import WorkFailed
from mnist_core.base.tensorflow_compat import set_aside
from mnist_core.data import shared_arrays
from pages.session.upload_budget import UploadBudget
from pages.streamlit_compat import browser_messages, no_delay, page_head, static_files

log = logging.getLogger(__name__)

# What pages import, imported while the first visitor's browser still loads Streamlit's own files.
# One after the other: a page that is asked for meanwhile waits for one of these at most.
AHEAD = (
    "pandas",
    "sqlalchemy",
    "distributed",
    "pages.frame.tour",  # the engine and the store
    "mnist_core.figures.template",
    "scipy.ndimage",
    "pages.views.train.compose",
    "pages.views.train.live_run",
    "pages.views.draw.views",
    "pages.views.inspect.views",
)
# The first page that somebody opens does not wait behind this: it comes first, or later than this.
FIRST_SECONDS = 2.0
AGAIN_SECONDS = 5.0
# Then the process that computes, and a network there, for whoever draws or looks inside next.
NETWORK_SECONDS = 4.0
# What stands between the network and Streamlit, the outermost first.
MIDDLEWARE = [
    Middleware(static_files.StaticFiles),
    Middleware(browser_messages.BrowserMessages),
    Middleware(UploadBudget),
    Middleware(page_head.PageHead),
]

_importing = threading.Lock()
_imported = threading.Event()
# While it is set, `_import_ahead` is at work.
_ahead = threading.Event()


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
    """Engine and store have been imported, and all that they need; no thread is importing now."""
    if not _ahead.is_set():
        _imported.set()


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[dict[str, Any]]:
    """Around the whole life of the server."""
    _take_settings_from_secrets()
    st.secrets.file_change_listener.connect(_take_settings_from_secrets)
    logs.configure()
    allocator.map_large_blocks()
    shared_arrays.share()
    no_delay.answer_at_once(st.get_option("server.port"))
    child_process.start_fork_server("mnist_core.engine.preloaded")
    computing.apart()
    browser_messages.write_each_once_a_minute()
    ending = threading.Event()
    _ahead.set()
    threading.Thread(target=_take_up, args=(ending,), name="take-up", daemon=True).start()
    _open_browser()
    yield {}
    ending.set()
    child_process.stop_fork_server()  # else what it has not forked yet is waited for
    await asyncio.to_thread(once.close_all)


def _take_settings_from_secrets(_changed: object = None) -> None:
    """Settings that the secrets give as `true` or `false`, which is natural in TOML.

    Of text and numbers Streamlit makes environment variables, of these it does not: without them a
    lab that says `MNIST_LAB_PUBLIC = true` would not be a shared one. Again when the file changes,
    as Streamlit then takes back what it has set.
    """
    if not st.secrets.load_if_toml_exists():
        return
    for name, value in st.secrets.items():
        if name.startswith("MNIST_LAB_") and isinstance(value, bool):
            os.environ[name] = "1" if value else "0"


def _take_up(ending: threading.Event) -> None:
    """Have an engine look after the runs: those of a server that was killed are told at once."""
    _import_ahead(ending)
    set_aside()
    said, pause = False, FIRST_SECONDS
    while not ending.wait(pause):
        from pages.session import services

        pause = AGAIN_SECONDS
        try:
            services.take_up()
        except StoreError as error:
            if not said:
                log.warning("%s Until then this is tried every %g seconds.", error, AGAIN_SECONDS)
            said = True
        else:
            break
    if not ending.wait(NETWORK_SECONDS):
        _load_network()


def _import_ahead(ending: threading.Event) -> None:
    """Import what pages need, but let a page that waits go first."""
    try:
        for name in AHEAD:
            if ending.wait(0.01):
                return
            with one_at_a_time():
                try:
                    import_module(name)
                except Exception:  # a page that needs it says so; the others do not suffer
                    log.exception("%s could not be imported ahead", name)
    finally:
        _ahead.clear()
        all_imported()


def _load_network() -> None:
    """Have the network that comes with the app ready in the process that computes."""
    from mnist_core.drawing.pretrained import DefaultModelError
    from pages.session import reader

    with suppress(DefaultModelError, WorkFailed):  # a page that needs it says so
        reader.load_default()
    set_aside()


def _open_browser() -> None:
    """As `streamlit run` does for an app that is no `st.App`."""
    if st.get_option("server.headless"):
        return
    address = st.get_option("browser.serverAddress") or "localhost"
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    url = f"{scheme}://{address}:{st.get_option('server.port')}/{path}"
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
