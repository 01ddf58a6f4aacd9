"""What a left page still asks for must not clear the page that was switched to."""

from __future__ import annotations

from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
    ScriptRequestType,
)

from pages.streamlit_compat.page_switch import drop_refreshes


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
