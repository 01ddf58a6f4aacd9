"""Cookies that a page's scripts keep, also where the lab stands in a frame of another site.

Streamlit reads cookies (`st.context.cookies`) but cannot set one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

# For the scripts of components: `read` a cookie, and `keep` one. In a frame of another site a
# browser keeps none but those that hold in this frame alone ("Partitioned"), and only over HTTPS.
COOKIE_JS = """
const read = (name) => document.cookie.split("; ")
  .find((part) => part.startsWith(name + "="))?.slice(name.length + 1);
const keep = (name, value, rest) => {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${value}; ${rest}; SameSite=Lax${secure}`;
  if (read(name) !== value) {
    document.cookie = `${name}=${value}; ${rest}; SameSite=None; Secure; Partitioned`;
  }
};
"""


def mount_hidden(key: str, script: str, data: Mapping[str, Any], **callbacks: Any) -> None:
    """Mount a component without a look, which takes no room on the page.

    Args:
        key: Its key in the session's state, where what it sets is found.
        script: A module that exports its function; `read` and `keep` of `COOKIE_JS` are there.
        data: What the function is given.
        callbacks: `on_NAME_change` for each state that it sets.
    """
    mount = st.components.v2.component(f"mnist_lab.{key}", js=COOKIE_JS + script)
    st.html(f"<style>:has(> .st-key-{key}_place) {{ display: none; }}</style>")
    with st.container(key=f"{key}_place"):
        mount(key=key, data=data, **callbacks)
