"""Errors of Train's actions, shown at its head.

The page runs again by itself, when its address changes for example. What was wrong with a link is
said until the person does something else; a start that failed is told once, for by the next run of
the page its reason may be gone.
"""

from __future__ import annotations

import streamlit as st

from mnist_core import Experiment

_SAID, _STAYS, _ABOUT = "page_error", "page_error_stays", "page_error_about"


def tell(sentence: str, *, stays: bool = False) -> None:
    """Say this when the page is drawn next, and with `stays` until the experiment is changed."""
    st.session_state[_SAID], st.session_state[_STAYS] = sentence, stays
    st.session_state.pop(_ABOUT, None)


def forget() -> None:
    """Say nothing more of it: the person tries again, or has left the page."""
    st.session_state.pop(_SAID, None)


def said(experiment: Experiment | None) -> str | None:
    """The sentence to show, unless the experiment has been changed since it was first shown."""
    sentence: str | None = st.session_state.get(_SAID)
    told = sentence is not None
    changed = told and st.session_state.setdefault(_ABOUT, experiment) != experiment
    if changed or not st.session_state.get(_STAYS):
        forget()
    return None if changed else sentence
