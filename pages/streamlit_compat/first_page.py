"""The page that a visitor's link leads to, until the browser has heard which pages there are.

Until then the browser knows of the main script alone. When it asks again meanwhile, as after a
connection that broke while the server was starting, it asks for that one: Streamlit 1.67 then opens
the first page, and the link is lost.
"""

from __future__ import annotations

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession


def keep_first_page(session: AppSession, asked: ClientState) -> None:
    """Let a request for the main script mean the page that the session was first asked for."""
    pages = session._pages_manager
    if asked.page_script_hash == pages.main_script_hash:
        asked.page_script_hash = pages.intended_page_script_hash or ""
        asked.page_name = pages.intended_page_name or ""
