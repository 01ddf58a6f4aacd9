"""The line that says what was deleted, with the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def undo_line(said: str, key: str, bring_back: Callable[..., None], *args: Any) -> None:
    """Show `said` (Markdown) and a button that calls `bring_back` with these arguments."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_undo"):
        st.caption(f":material/delete: {said}", width="content")
        st.button(
            "Undo",
            key=f"bring_{key}_back",
            type="tertiary",
            icon=":material/undo:",
            on_click=bring_back,
            args=args,
        )
