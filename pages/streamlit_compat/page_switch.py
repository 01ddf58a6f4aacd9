"""Refreshes of the page that was just left, which are still on their way.

Until the browser hears that `st.switch_page` has opened another page it goes on asking for those of
the old one. Streamlit 1.67 carries out what came in meanwhile after the new page, and in the old
page's name: the browser then clears the new page and has nothing to put in its place.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType


def forget_left_page(page: str) -> str | None:
    """First thing on the page at this path: drop what was asked for on the one before.

    Gives that one's path; None while the page stays the same.
    """
    before, st.session_state.page_shown = st.session_state.get("page_shown"), page
    context = get_script_run_ctx()
    if before == page or context is None:
        return None
    context.fragment_storage.clear()  # what comes in from now on finds no fragment
    if context.script_requests is not None:
        drop_refreshes(context.script_requests)
    return None if before is None else str(before)


def drop_refreshes(requests: ScriptRequests) -> None:
    """Take back a request for fragments alone; one for a whole page stays."""
    with requests._lock:
        waiting = requests._state is ScriptRequestType.RERUN
        if waiting and requests._rerun_data.fragment_id_queue:
            requests._state = ScriptRequestType.CONTINUE
