"""Choose one of many by its number."""

from __future__ import annotations

from typing import Any

import streamlit as st


def choose_number(noun: str, count: int, **more: Any) -> int:
    """A field for one of `count` things, labelled as in "Filter (0 to 31)"; `more` is the field's.

    It begins with the first, number 0, unless `more` holds a value.
    """
    label = f"{noun} (0 to {count - 1})"
    return int(st.number_input(label, min_value=0, max_value=count - 1, **more))
