"""One press, one call of its callback, whatever refreshes come in at the same moment.

Streamlit 1.67 can call a button's callback twice or three times for one press, in two ways:

- The browser notes a press in the states of its widgets and sends them a moment later, by a timer.
  A fragment's refresh (`run_every`) that is due in between takes the noted press along. A refresh
  is nobody's press: `_request_rerun` takes presses out of it; they come with their own message.
- With `runner.fastReruns` on (the default) a press starts a new script thread at once, while the
  old one may just be taking up a refresh. Both work on one `SessionState`, each with a lock of its
  own. When the press arrives between the old thread's taking over of widget states and its look
  for what has changed, both threads find the button pressed. `_take_up` makes them take turns.

`tests/pages/streamlit_compat/test_callbacks.py` shows that Streamlit as it is does so; when that
fails, this can go.
"""

from __future__ import annotations

import threading
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.state import SafeSessionState, SessionState

from pages.streamlit_compat.first_page import keep_first_page
from pages.streamlit_compat.page_switch import TRIGGERS, keep_waiting

_unpatched_request = AppSession.request_rerun
_unpatched_take_up = SafeSessionState.on_script_will_rerun
# A session's state can neither hold a lock nor be a key of a weak dictionary, so that each session
# has one of these; that two may have the same costs a wait now and then.
_LOCKS = tuple(threading.RLock() for _ in range(1021))


def call_once() -> None:
    """Let each press call its callback once, in all sessions."""
    setattr(AppSession, "request_rerun", _request_rerun)  # noqa: B010
    setattr(SafeSessionState, "on_script_will_rerun", _take_up)  # noqa: B010


def without_presses(refresh: ClientState) -> ClientState:
    """A browser's message with no press of a button in it."""
    kept = ClientState()
    kept.CopyFrom(refresh)
    states = [s for s in refresh.widget_states.widgets if s.WhichOneof("value") not in TRIGGERS]
    del kept.widget_states.widgets[:]
    kept.widget_states.widgets.extend(states)
    return kept


def _request_rerun(session: AppSession, client_state: ClientState | None) -> None:
    if client_state is not None:
        if client_state.is_auto_rerun:
            client_state = without_presses(client_state)
        keep_first_page(session, client_state)
        keep_waiting(session, client_state)
    _unpatched_request(session, client_state)


def _take_up(safe: SafeSessionState, *arguments: Any, **more: Any) -> None:
    """As Streamlit's own, which first lets a thread end that was told to stop while it waited."""
    with _lock_of(safe._state):
        _unpatched_take_up(safe, *arguments, **more)


def _lock_of(state: SessionState) -> threading.RLock:
    return _LOCKS[id(state) // 16 % len(_LOCKS)]
