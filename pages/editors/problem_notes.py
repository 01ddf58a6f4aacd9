"""Mistakes in what a person composes, said where they are made."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from mnist_core import Problem
from pages.widgets.escape import escaped


def show_problems(problems: Iterable[Problem]) -> None:
    """A box for each mistake."""
    for problem in problems:
        st.error(escaped(problem.message), icon=":material/error:")
