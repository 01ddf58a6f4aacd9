"""Runs and models as files: save one, open those of others, and links for a class."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.shared.explore import tabs
from pages.shared.explore.files_link import link_view
from pages.shared.explore.files_open import open_view
from pages.shared.explore.files_save import save_view

VIEWS: dict[str, Callable[[], None]] = {
    tabs.SAVE: save_view,
    tabs.OPEN: open_view,
    tabs.LINK: link_view,
}


def view() -> None:
    """The three views; only the one that is open is worked out."""
    st.session_state.setdefault(
        "files_views", st.session_state.get("files_view", next(iter(VIEWS)))
    )
    places = st.tabs(list(VIEWS), key="files_views", on_change="rerun")
    for tab, (name, show) in zip(places, VIEWS.items(), strict=True):
        if tab.open:
            st.session_state.files_view = name
            with tab:
                show()
