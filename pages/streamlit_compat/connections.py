"""Sessions with a browser connected, and the address that a browser connects from.

Written for Streamlit 1.67, which offers neither to a page: `st.context` tells of the session that
runs, and only while it does; `st.context.ip_address` is None for this machine, behind a proxy or
not. Without `is_connected`, a hidden page whose browser lets it sleep would count as closed. It can
go when Streamlit lets an app look at its sessions; `tests/pages/test_open_pages.py` tells when the
names used here change.
"""

from __future__ import annotations

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx


def session_id() -> str | None:
    """The session whose page runs in this thread, None outside of one."""
    context = get_script_run_ctx()
    return None if context is None else context.session_id


def is_connected(session: str) -> bool:
    """True when a browser is connected to this session."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def peer() -> str | None:
    """The other end of this session's connection as Streamlit's web server names it."""
    address = st.context.ip_address
    return address if isinstance(address, str) else None


def forwarded() -> str:
    """The session's headers X-Forwarded-For, as one."""
    return ", ".join(str(value) for value in st.context.headers.get_all("X-Forwarded-For"))
