"""The folder `pages/`, which Streamlit is not to open files of by itself."""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager


def run_app_alone() -> None:
    """Have every page run inside app.py, from the first that a server is asked for.

    Until `st.navigation` has been called once in the life of a server, Streamlit 1.67 runs the
    files in `pages/` by themselves.
    """
    PagesManager.uses_pages_directory = False
