"""What a pupil in a class is told while they train: as whom, and what the challenge allows."""

from __future__ import annotations

import streamlit as st

from mnist_core.experiment.spec import Experiment
from pages.session import class_services
from pages.session.explore_tabs import class_board
from pages.widgets.escape import plain


def class_note(experiment: Experiment | None) -> None:
    """A line for those who are in a class; the network as it is now is held to the rules."""
    found = class_services.membership()
    if found is None or found.classroom.ended is not None:
        return
    rules = found.classroom.rules
    words = f"In the class **{plain(found.classroom.title)}** as **{plain(found.nickname)}**."
    if rules:
        words += f" Challenge: {rules.words()}."
    broken = rules.broken(experiment) if experiment is not None else ""
    with st.container(key="class_note", horizontal=True, vertical_alignment="center", gap="small"):
        if broken:
            st.markdown(f":material/groups: {words} :orange[**This network has {broken}.**]")
        else:
            st.markdown(f":material/groups: {words}")
        if found.classroom.shared and st.button(
            "Board", key="to_board", icon=":material/leaderboard:", on_click=class_board
        ):
            st.switch_page("pages/explore.py")
