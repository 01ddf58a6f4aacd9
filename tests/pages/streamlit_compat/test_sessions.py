"""The number of connected browsers, as Streamlit counts them."""

from __future__ import annotations

from types import SimpleNamespace

from streamlit import runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.stats import StatsManager
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from pages.streamlit_compat import sessions


def test_they_are_counted(monkeypatch):
    assert sessions.connected() is None  # no server runs
    manager = WebsocketSessionManager(MemorySessionStorage(), None, None, None)
    manager._active_session_info_by_id = dict.fromkeys(("one", "two"))  # type: ignore[assignment]
    statistics = StatsManager()
    statistics.register_provider(manager)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(stats_mgr=statistics))
    assert sessions.connected() == 2
