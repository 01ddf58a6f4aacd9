"""Explore: compare runs, let the computer try settings, and take runs along as files."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.shared import entry
from pages.shared.explore import data, files, runs, studies, tabs

VIEWS: dict[str, Callable[[], None]] = {
    tabs.RUNS: runs.view,
    tabs.STUDIES: studies.view,
    tabs.FILES: files.view,
    tabs.DATA: data.view,
}


def page() -> None:
    """The views as tabs; only the one that is open is worked out."""
    st.session_state.setdefault(
        "explore_views", st.session_state.get("explore_view", next(iter(VIEWS)))
    )
    places = st.tabs(list(VIEWS), key="explore_views", on_change="rerun")
    for tab, (name, view) in zip(places, VIEWS.items(), strict=True):
        if tab.open:
            st.session_state.explore_view = name
            with tab:
                view()


entry.through_app("explore")
st.title("Explore")
page()
