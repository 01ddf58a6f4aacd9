"""Status: how this server is doing, for whoever runs it; not in the navigation."""

from __future__ import annotations

import streamlit as st

from mnist_core.cli import admin_key, status
from pages.session import errors
from pages.session.services import shared_engine, shared_store
from pages.streamlit_compat import entry, sessions
from pages.widgets.escape import escaped

REFRESH_SECONDS = 5


def page() -> None:
    """The view, or the question for the key."""
    st.title("Status")
    if _may_see():
        _view()


def _may_see() -> bool:
    """True in a lab of one's own, and once this session has given the server's key."""
    if not admin_key.is_needed():
        return True
    if not admin_key.is_set():
        st.info(
            f"This page is for whoever runs this server. It opens with a key: set "
            f"{admin_key.SETTING} to {admin_key.SHORTEST} or more characters and restart."
        )
        return False
    if st.session_state.get("status_admitted"):
        return True
    with st.form("status_gate", width=420):
        given = st.text_input("The server’s key", type="password", key="status_key")
        pressed = st.form_submit_button("Open", key="open_status")
    if pressed and admin_key.admits(given):
        st.session_state.status_admitted = True
        st.rerun()
    if pressed:
        st.error("This is not the key of this server.", icon=":material/key_off:")
    return False


def _view() -> None:
    """The view; it looks again by itself."""
    errors.fragment(_look, run_every=REFRESH_SECONDS)()


def _look() -> None:
    now = status.look(shared_store(), shared_engine().workers(), sessions.connected())
    with st.container(key="status"):
        for section in status.sections(now):
            st.subheader(section.title)
            if section.rows:
                st.table([[escaped(cell) for cell in row] for row in section.rows], hide_index=True,
                         hide_header=True)  # fmt: skip
            else:
                st.markdown(section.empty)
    st.caption(f"At {now.when:%H:%M:%S} UTC; looks again every {REFRESH_SECONDS} seconds.")


entry.through_app("status")
page()
