"""Small words that a browser keeps for a page in a cookie: how far the tour is, and the like.

Streamlit reads cookies when the page connects, so that nothing blinks at a visit: what is known
of the browser is known before the first element is drawn.
"""

from __future__ import annotations

import streamlit as st

from pages.streamlit_compat.cookies import COOKIE_JS

KEPT_DAYS = 400
_PREFIX = "mnist_lab_"
_SESSION = "browser_memory"

_JS = (
    COOKIE_JS
    + """
export default function ({ data }) {
  for (const [name, word] of Object.entries(data.words)) {
    keep(name, word, `Path=${data.path}; Max-Age=${data.days * 86400}`);
  }
}
"""
)


def cookie_path() -> str:
    """The path of this app's cookies: its own address, be it alone on the host or not."""
    return "/" + str(st.get_option("server.baseUrlPath") or "").strip("/")


def read(name: str) -> str:
    """The word kept under this name, "" for none; a person may have written anything."""
    said: dict[str, str] = st.session_state.get(_SESSION, {})
    return said.get(name) or str(st.context.cookies.get(_PREFIX + name) or "")[:40]


def write(name: str, word: str) -> None:
    """Keep a word of letters under this name; `flush` takes it to the browser."""
    said: dict[str, str] = st.session_state.setdefault(_SESSION, {})
    said[name] = word


def flush(key: str) -> None:
    """Let the browser keep what was written in this session; takes no room on the page.

    Called before a page, which may take its time, and once more after it, each with its `key`.
    """
    said: dict[str, str] = st.session_state.get(_SESSION, {})
    # An empty place keeps what follows where it is.
    place = st.container(key=f"remember_{key}")
    if not said:
        return
    mount = st.components.v2.component("mnist_lab.browser_memory", js=_JS)
    words = {_PREFIX + name: word for name, word in said.items()}
    with place:
        mount(
            key=f"{_SESSION}_{key}",
            data={"words": words, "path": cookie_path(), "days": KEPT_DAYS},
        )
