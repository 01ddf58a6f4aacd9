"""Every page runs inside app.py, also when its own address is the first that a server is asked.

Until `st.navigation` has been called once in the life of a server, Streamlit 1.67 runs the files in
`pages/` by themselves.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager


def run_app_alone() -> None:
    """Have a server run app.py for every page from the first on."""
    PagesManager.uses_pages_directory = False


def through_app(url_path: str = "") -> None:
    """Run app.py instead, when the page at `url_path` was started without it.

    For Streamlit's `AppTest`, which takes back before each run what `run_app_alone` has set.
    """
    if "inside_app" not in st.session_state:
        pages = [st.Page(lambda: None, title="MNIST Lab", default=True)]
        if url_path:
            pages.append(st.Page(lambda: None, title=url_path, url_path=url_path))
        st.navigation(pages, position="hidden")
        st.rerun()
