"""What a left page still asks for must not clear the page that was switched to."""

from __future__ import annotations

from types import SimpleNamespace

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
    ScriptRequestType,
)

from pages.streamlit_compat.page_switch import drop_refreshes, keep_waiting


def test_a_refresh_of_the_page_that_was_left_is_dropped():
    requests = ScriptRequests()
    requests.request_rerun(RerunData(fragment_id="panel", is_auto_rerun=True))
    drop_refreshes(requests)
    assert requests.on_scriptrunner_ready().type is ScriptRequestType.STOP


def test_streamlit_still_carries_out_a_refresh_of_the_page_that_was_left():
    """Where it drops it by itself, `page_switch` can go."""
    requests = ScriptRequests()
    left = RerunData(page_script_hash="left", fragment_id="panel", is_auto_rerun=True)
    requests.request_rerun(left)
    after = requests.on_scriptrunner_ready()  # of the page that was switched to
    assert after.type is ScriptRequestType.RERUN
    assert after.rerun_data.page_script_hash == "left"
    assert after.rerun_data.fragment_id_queue == ["panel"]


def test_what_asks_for_a_whole_page_stays():
    requests = ScriptRequests()
    requests.request_rerun(RerunData(page_script_hash="draw"))
    requests.request_rerun(RerunData(fragment_id="panel", is_auto_rerun=True))
    drop_refreshes(requests)
    left = requests.on_scriptrunner_ready()
    assert left.type is ScriptRequestType.RERUN and not left.rerun_data.fragment_id_queue


def test_nothing_to_drop_leaves_the_page_as_it_is():
    requests = ScriptRequests()
    drop_refreshes(requests)
    assert requests.on_scriptrunner_yield() is None


def test_a_value_that_waits_goes_along_to_the_next_page_but_no_press():
    requests = ScriptRequests()
    waiting = [
        WidgetState(id="drawing", json_value="new"),
        WidgetState(id="width", int_value=1),
        WidgetState(id="button", trigger_value=True),
    ]
    requests.request_rerun(
        RerunData(fragment_id="board", widget_states=WidgetStates(widgets=waiting))
    )
    asked = ClientState(page_script_hash="train")
    asked.widget_states.widgets.append(WidgetState(id="width", int_value=2))
    keep_waiting(SimpleNamespace(_scriptrunner=SimpleNamespace(_requests=requests)), asked)
    found = {state.id: state for state in asked.widget_states.widgets}
    assert found.keys() == {"drawing", "width"}
    assert found["drawing"].json_value == "new" and found["width"].int_value == 2
