"""Explore: compare runs, let the computer try settings, and take runs along as files."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.shared import entry
from pages.shared.explore import files, runs, studies

VIEWS: dict[str, Callable[[], None]] = {
    ":material/table_rows: Runs": runs.view,
    ":material/science: Studies": studies.view,
    ":material/folder_open: Files": files.view,
}


def page() -> None:
    """The views as tabs; only the one that is open is worked out."""
    st.session_state.setdefault(
        "explore_views", st.session_state.get("explore_view", next(iter(VIEWS)))
    )
    tabs = st.tabs(list(VIEWS), key="explore_views", on_change="rerun")
    for tab, (name, view) in zip(tabs, VIEWS.items(), strict=True):
        if tab.open:
            st.session_state.explore_view = name
            with tab:
                view()


entry.through_app("explore")
st.title("Explore")
page()
