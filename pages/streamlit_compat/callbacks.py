"""One press, one call: a session's two script threads take up what the browser sends in turn.

Streamlit 1.67, `runner.fastReruns` on (its default): a press starts a new script thread at once,
while the old one may just be taking up a fragment's refresh. Both work on one `SessionState`, and
each locks it with a lock of its own. When the press arrives between the old thread's taking over
of widget states and its look for what has changed, both threads find the button pressed and both
call its callback: one press starts two runs. `tests/test_callbacks.py` shows that Streamlit as it
is does so; when that fails, this module can go.
"""

from __future__ import annotations

import threading
from typing import Any

from streamlit.runtime.state import SafeSessionState, SessionState

_unpatched = SafeSessionState.on_script_will_rerun
# A session's state can neither hold a lock nor be a key of a weak dictionary, so that each session
# has one of these; that two may have the same costs a wait now and then.
_LOCKS = tuple(threading.RLock() for _ in range(1021))


def call_once() -> None:
    """Let only one thread of a session take up widget states and call callbacks; for all."""
    setattr(SafeSessionState, "on_script_will_rerun", _in_turn)  # noqa: B010


def _in_turn(safe: SafeSessionState, *arguments: Any, **more: Any) -> None:
    """As Streamlit's own, which first lets a thread end that was told to stop while it waited."""
    with _lock_of(safe._state):
        _unpatched(safe, *arguments, **more)


def _lock_of(state: SessionState) -> threading.RLock:
    return _LOCKS[id(state) // 16 % len(_LOCKS)]
