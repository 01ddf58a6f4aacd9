"""Uploads where the lab stands in a frame of another site.

Streamlit 1.67 lets an upload pass when a cookie and a header hold the same token
(`starlette_routes._check_xsrf`). It sets that cookie with SameSite=Lax, which browsers do not keep
in a frame of another site, so that every upload there fails with “status code 403”. Its setting
`server.xsrfCookieSameSite=none` would give up plain HTTP, and browsers that keep no cookies of
third parties drop that cookie, too. So the page sets the cookie itself, as one that holds in this
frame alone, in the form that Streamlit reads: 2|mask|token|time. Without this no file can be
uploaded on a learning platform's page. It can go when Streamlit sets the cookie with Partitioned
(https://github.com/streamlit/streamlit/issues/5793); `tests/e2e/test_frame.py` tells.
"""

from __future__ import annotations

import streamlit as st

from pages.streamlit_compat.cookies import mount_hidden

_COOKIE = "_streamlit_xsrf"
_KEY = "framed_uploads"

_JS = """
export default function ({ data, setStateValue }) {
  if (!read(data.cookie)) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const token = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    keep(data.cookie, `2|00000000|${token}|${Math.floor(Date.now() / 1000)}`, "Path=/");
  }
  const refused = !read(data.cookie);
  if (refused !== data.refused) setStateValue("refused", refused);
}
"""


def allow() -> None:
    """Let files be uploaded in a frame where the browser allows it, else say what to do."""
    if not st.get_option("server.enableXsrfProtection"):
        return
    said = st.session_state.get(_KEY)
    refused = bool(said and said.get("refused"))
    # What the browser says runs the page again, so that it says only what is new.
    data = {"cookie": _COOKIE, "refused": refused}
    mount_hidden(_KEY, _JS, data, on_refused_change=lambda: None)
    if refused:
        with st.container(horizontal=True, vertical_alignment="center", key="frame_refused"):
            st.warning(
                "In this frame your browser keeps no cookies, so that no file can be uploaded. "
                "In a tab of its own all works.",
                icon=":material/cookie_off:",
            )
            st.link_button("Open in a new tab", str(st.context.url), icon=":material/open_in_new:")
