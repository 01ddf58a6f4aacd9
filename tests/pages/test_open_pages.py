"""A visitor is here for as long as a page of theirs is connected, whatever the browser does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.runtime import Runtime
from streamlit.web.server.starlette.starlette_websocket import StarletteClientContext

from mnist_core.storage import schema
from mnist_core.storage.store import Store
from mnist_core.visitors import visitors
from pages.session import open_pages
from pages.session.open_pages import OpenPages, Visitor
from pages.streamlit_compat import connections
from tests.support.runs import wait

ADA = Visitor("ada", "address-x")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def connected(monkeypatch) -> set[str]:
    """The sessions with a browser; a page of “one” runs."""
    sessions = {"one", "two"}
    monkeypatch.setattr(open_pages, "is_connected", sessions.__contains__)
    monkeypatch.setattr(open_pages, "session_id", lambda: "one")
    monkeypatch.setattr(open_pages, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(visitors, "NOTICE_SECONDS", 0.0)
    return sessions


def forget_when(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(schema.visitors.update().values(seen=LONG_AGO))


def noticed(store: Store) -> bool:
    return datetime.now(UTC) - visitors.last_seen(store, ["ada"])["ada"] < timedelta(hours=1)


def test_a_visitor_is_here_until_the_page_is_closed(store: Store, connected: set[str]) -> None:
    pages = OpenPages(store)
    pages.notice(ADA)
    for _ in range(2):
        forget_when(store)
        wait(lambda: noticed(store), "another look, without the browser's doing")
    connected.remove("one")
    wait(lambda: not pages.watching, "the end of the watch")
    forget_when(store)
    assert not noticed(store)
    # And is back with a new connection.
    connected.add("one")
    pages.notice(ADA)
    assert noticed(store) and pages.watching
    connected.clear()


def test_nobody_is_watched_outside_of_a_server(store: Store) -> None:
    """As in these tests, where pages run without one."""
    assert not connections.is_connected("one") and connections.session_id() is None


def test_streamlit_still_has_what_is_reached_for() -> None:
    """When this fails, look whether an app can ask Streamlit for it by now."""
    assert callable(Runtime.is_active_session)
    assert isinstance(StarletteClientContext.remote_ip, property)
