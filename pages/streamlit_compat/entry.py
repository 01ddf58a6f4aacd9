"""Every page runs inside app.py, also when its own address is the first that a server is asked."""

from __future__ import annotations

import streamlit as st


def through_app(url_path: str = "") -> None:
    """Run app.py instead, when the page at `url_path` was started without it.

    Streamlit opens the files in `pages/` by themselves until `st.navigation` has been called
    once in the life of the server; that call makes it run app.py from then on.
    """
    if "inside_app" not in st.session_state:
        pages = [st.Page(lambda: None, title="MNIST Lab", default=True)]
        if url_path:
            pages.append(st.Page(lambda: None, title=url_path, url_path=url_path))
        st.navigation(pages, position="hidden")
        st.rerun()
