"""What Train could not do, said at its head until the person does something else.

The page runs again by itself, when its address changes for example; what was said outlasts that.
"""

from __future__ import annotations

import streamlit as st

from mnist_core import Experiment
from pages.shared.plain import plain

_SAID, _ABOUT = "page_error", "page_error_about"


def tell(sentence: str) -> None:
    """Say this when the page is drawn next."""
    st.session_state[_SAID] = sentence
    st.session_state.pop(_ABOUT, None)


def forget() -> None:
    """Say nothing more of it: the person tries again, or has left the page."""
    st.session_state.pop(_SAID, None)


def show(experiment: Experiment | None) -> None:
    """Show it, unless the experiment has been changed since it was first shown."""
    said = st.session_state.get(_SAID)
    if said is None:
        return
    if st.session_state.setdefault(_ABOUT, experiment) != experiment:
        forget()
        return
    st.error(plain(said), icon=":material/error:")
