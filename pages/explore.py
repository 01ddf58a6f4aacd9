"""Explore: compare runs, let the computer try settings, and take runs along as files."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.frame import projector
from pages.session import explore_tabs as tabs
from pages.streamlit_compat import entry
from pages.views.explore import classroom, data, files, runs, studies
from pages.widgets.layout import unseen_title
from pages.widgets.tabs import view_tabs

VIEWS: dict[str, Callable[[], None]] = {
    tabs.RUNS: runs.view,
    tabs.STUDIES: studies.view,
    tabs.FILES: files.view,
    tabs.DATA: data.view,
    tabs.CLASS: classroom.view,
}

entry.through_app("explore")
if projector.is_on():
    unseen_title("Explore")  # the room is the board's
else:
    st.title("Explore")
classroom.follow_link()
view_tabs(VIEWS, tabs.EXPLORE_VIEW)
