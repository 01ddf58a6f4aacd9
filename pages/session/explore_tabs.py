"""The tabs of Explore by name, and the way from one to another."""

from __future__ import annotations

import streamlit as st

from pages.session.services import get_store
from pages.widgets.tabs import choose_view

# The tabs' keys.
EXPLORE_VIEW, FILES_VIEW = "explore_view", "files_view"

RUNS = ":material/table_rows: Runs"
STUDIES = ":material/science: Studies"
FILES = ":material/folder_open: Files"
DATA = ":material/dataset: Data"
CLASS = ":material/groups: Class"

# What a new study may be.
ONE_SETTING, TWO_SETTINGS, SEARCH = "One setting", "Two settings", "Search"

SAVE = ":material/download: Save a run"
OPEN = ":material/upload: Open files"
LINK = ":material/link: Link for a class"


def save_as_file(run_id: str) -> None:
    """Callback: open Files where this run can be saved."""
    choose_view(EXPLORE_VIEW, FILES)
    choose_view(FILES_VIEW, SAVE)
    st.session_state.file_run = run_id


def own_data() -> None:
    """Callback: open Data, where a set of one's own is added."""
    choose_view(EXPLORE_VIEW, DATA)


def class_board() -> None:
    """Callback: open Class."""
    choose_view(EXPLORE_VIEW, CLASS)


def what_if(run_id: str) -> None:
    """Callback: open Studies with a new comparison that starts from this run's experiment."""
    choose_view(EXPLORE_VIEW, STUDIES)
    st.session_state.study_kind = ONE_SETTING
    st.session_state.study_base = f"run {run_id}"
    if (run := get_store().run(run_id)) is not None:
        training = run.experiment.training
        st.session_state.study_images = training.training_images
        st.session_state.study_epochs = training.epochs
    st.session_state.new_study = True
