"""The runs that are laid over the one whose charts Train shows."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

# As many curves as can be told apart.
MOST_COMPARED = 6


def compare_with(run_ids: Iterable[str]) -> None:
    """Lay these runs over the one that is shown, and no others; not while the widget is drawn."""
    state = st.session_state
    state.compared = list(run_ids)[:MOST_COMPARED]
    state.compared_version = state.get("compared_version", 0) + 1


def lay_over(run_id: str) -> None:
    """Callback: lay this run alone over the one that is shown, until `lift_off`."""
    compare_with([run_id])
    st.session_state.laid_over = run_id


def lift_off() -> None:
    """Callback: take off what `lay_over` laid; what the person chose since stays."""
    if st.session_state.get("compared") == [st.session_state.pop("laid_over", None)]:
        compare_with([])
