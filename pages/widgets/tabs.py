"""Views as tabs, of which only the open one is worked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def view_tabs(views: Mapping[str, Callable[[], None]], key: str) -> None:
    """Show `views` by name; which is open is in the session's state as `key`, also elsewhere.

    The tabs themselves have the key `key` + "s".
    """
    # Set here and not as the tabs' default: a default that changes would open that tab again.
    st.session_state.setdefault(f"{key}s", st.session_state.get(key, next(iter(views))))
    places = st.tabs(list(views), key=f"{key}s", on_change="rerun")
    for place, (name, view) in zip(places, views.items(), strict=True):
        if place.open:
            st.session_state[key] = name
            with place:
                view()


def choose_view(key: str, name: str) -> None:
    """In a callback: have the view `name` of the tabs `key` open in the next run of the page."""
    st.session_state[f"{key}s"] = st.session_state[key] = name
