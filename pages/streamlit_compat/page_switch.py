"""What is still on its way from the page that was just left.

What was done on it is kept: Streamlit 1.67 stops the script that runs when the whole page is asked
for, and with it drops a fragment's request that waited for that script. A stroke drawn while the
one before was being read was lost by a click on another page.

Its refreshes are dropped. Until the browser hears that `st.switch_page` has opened another page it
goes on asking for those of the old one. Streamlit 1.67 carries out what came in meanwhile after the
new page, and in the old page's name: the browser then clears the new page and has nothing to put in
its place.
"""

from __future__ import annotations

import streamlit as st
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType

# The values of buttons and the like: one press, not a state that lasts.
TRIGGERS = ("trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value")


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


def keep_waiting(session: AppSession, asked: ClientState) -> None:
    """Let a request for a whole page take along the values that wait in one for a fragment.

    Not presses: the script that is about to end may just be taking them up.
    """
    runner = session._scriptrunner
    if runner is None or asked.fragment_id:
        return
    requests = runner._requests
    with requests._lock:
        waits = requests._state is ScriptRequestType.RERUN
        states = requests._rerun_data.widget_states if waits else None
    if states is not None:
        newer = {state.id for state in asked.widget_states.widgets}
        values = [state for state in states.widgets if state.WhichOneof("value") not in TRIGGERS]
        asked.widget_states.widgets.extend(state for state in values if state.id not in newer)
