"""A button that shows its icon alone, and has a name all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st


def icon_button(
    name: str,
    icon: str,
    key: str,
    on_click: Callable[..., Any],
    args: tuple[Any, ...] = (),
    *,
    type: Literal["primary", "secondary", "tertiary"] = "secondary",  # noqa: A002
    disabled: bool = False,
) -> None:
    """`name` is its tooltip, and what a screen reader says; layout.py hides it from sight."""
    with st.container(key=f"icon-{key}", width="content"):
        st.button(
            name,
            icon=icon,
            key=key,
            help=name,
            type=type,
            disabled=disabled,
            on_click=on_click,
            args=args,
        )
