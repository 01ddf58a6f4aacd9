"""A press is one call of its callback, whatever refreshes come in at the same moment."""

from __future__ import annotations

import threading

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.runtime.state.common import WidgetMetadata

from pages.streamlit_compat import callbacks


def calls_of_a_press_during_a_refresh(monkeypatch) -> int:
    """How often a button's callback is called that is pressed while a fragment refreshes.

    The refresh's thread is held where it has taken the browser's widget states over and has not
    yet looked for what changed; meanwhile the press comes in by a thread of its own.
    """
    calls, state = [], SessionState()
    button = WidgetMetadata("button", bool, bool, "trigger_value", lambda: calls.append(1))
    state._new_widget_state.set_widget_metadata(button)
    taken_over, may_go_on = threading.Event(), threading.Event()
    take_over = SessionState.set_widgets_from_proto

    def held(own: SessionState, states: WidgetStates) -> None:
        take_over(own, states)
        if not states.widgets:
            taken_over.set()
            may_go_on.wait(10)

    monkeypatch.setattr(SessionState, "set_widgets_from_proto", held)
    pressed = WidgetStates()
    pressed.widgets.add(id="button", trigger_value=True)

    def takes_up(states: WidgetStates) -> threading.Thread:
        def run() -> None:
            ThreadState.initialize()
            SafeSessionState(state, lambda: None).on_script_will_rerun(states)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    refresh = takes_up(WidgetStates())
    assert taken_over.wait(10)
    press = takes_up(pressed)
    press.join(0.5)  # Streamlit's own is through by then; in turn, it waits for the refresh
    may_go_on.set()
    for thread in (refresh, press):
        thread.join(10)
        assert not thread.is_alive()
    return len(calls)


def test_streamlit_by_itself_calls_twice(monkeypatch):
    monkeypatch.setattr(SafeSessionState, "on_script_will_rerun", callbacks._unpatched_take_up)
    assert calls_of_a_press_during_a_refresh(monkeypatch) == 2


def test_a_press_during_a_refresh_is_one_call(monkeypatch):
    monkeypatch.setattr(SafeSessionState, "on_script_will_rerun", callbacks._unpatched_take_up)
    callbacks.call_once()
    assert calls_of_a_press_during_a_refresh(monkeypatch) == 1


def test_a_refresh_takes_no_press_along():
    sent = ClientState(is_auto_rerun=True, fragment_id="panel")
    sent.widget_states.widgets.add(id="start", trigger_value=True)
    sent.widget_states.widgets.add(id="component", json_trigger_value="[1]")
    sent.widget_states.widgets.add(id="epochs", int_value=3)
    kept = callbacks.without_presses(sent)
    assert [state.id for state in kept.widget_states.widgets] == ["epochs"]
    assert kept.fragment_id == "panel" and kept.is_auto_rerun


def test_only_refreshes_lose_their_presses(monkeypatch):
    asked = []
    monkeypatch.setattr(callbacks, "_unpatched_request", lambda _, sent: asked.append(sent))
    monkeypatch.setattr(AppSession, "request_rerun", AppSession.request_rerun)
    callbacks.call_once()
    session = object.__new__(AppSession)
    session._pages_manager = PagesManager("app.py")
    session._scriptrunner = None
    for refresh in (True, False):
        sent = ClientState(is_auto_rerun=refresh)
        sent.widget_states.widgets.add(id="start", trigger_value=True)
        AppSession.request_rerun(session, sent)
    assert [len(state.widget_states.widgets) for state in asked] == [0, 1]


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(
        SafeSessionState, "on_script_will_rerun", SafeSessionState.on_script_will_rerun
    )
