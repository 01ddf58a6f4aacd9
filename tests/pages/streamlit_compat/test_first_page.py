"""A link keeps its page, whatever the browser asks for before it knows the app's pages."""

from __future__ import annotations

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.pages_manager import PagesManager

from pages.streamlit_compat.first_page import keep_first_page

PAGES = {
    name: {"page_script_hash": name, "script_path": "", "url_pathname": path}
    for name, path in (("first", ""), ("second", "train"))
}


@pytest.fixture
def session() -> AppSession:
    """One that was opened by a link to Train, and has not run yet."""
    session = object.__new__(AppSession)
    session._pages_manager = PagesManager("app.py")
    session._pages_manager.set_script_intent("", "train")
    return session


def opened(session: AppSession, asked: ClientState) -> object:
    """The page that Streamlit opens when app.py names its pages."""
    manager = session._pages_manager
    manager.set_script_intent(asked.page_script_hash, asked.page_name)
    found = manager.set_pages_and_resolve(PAGES, "first")
    return found and found["page_script_hash"]


def test_streamlit_by_itself_opens_the_first_page(session):
    """Where it opens the second, `first_page` can go."""
    asked = ClientState(page_script_hash=session._pages_manager.main_script_hash)
    assert opened(session, asked) == "first"


def test_the_page_of_the_link_is_opened(session):
    for _ in range(2):  # however often it asks
        asked = ClientState(page_script_hash=session._pages_manager.main_script_hash)
        keep_first_page(session, asked)
        assert opened(session, asked) == "second"


def test_a_page_that_the_browser_knows_stays(session):
    asked = ClientState(page_script_hash="first")
    keep_first_page(session, asked)
    assert opened(session, asked) == "first"
