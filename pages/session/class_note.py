"""The note to a pupil in a class while they train: as whom, and what the challenge allows."""

from __future__ import annotations

import streamlit as st

from mnist_core.experiment.spec import Experiment
from pages.session import class_services
from pages.widgets.escape import escaped


def class_note(experiment: Experiment | None) -> None:
    """A line for those who are in a class; the network as it is now is held to the rules."""
    found = class_services.membership()
    if found is None or found.classroom.ended is not None:
        return
    rules = found.classroom.rules
    words = f"In the class **{escaped(found.classroom.title)}** as **{escaped(found.nickname)}**."
    if rules:
        words += f" Challenge: {rules.words()}."
    broken = rules.broken(experiment) if experiment is not None else ""
    with st.container(key="class_note"):
        st.caption(f":material/groups: {words}{broken and f' **This breaks a rule: {broken}.**'}")
