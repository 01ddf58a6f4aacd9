"""Widgets that edit one value of the draft each.

The numbers have no limits of their own: Streamlit would refuse one beyond them without a word and
train with the one before. The draft takes it, and the page says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import streamlit as st

from pages.editors import draft
from pages.widgets import layout


def whole(label: str, path: draft.Path, tip: str | None = None, *, optional: bool = False) -> None:
    """A whole number; one that is `optional` may be emptied, and is None then."""
    with _slot(path):
        st.number_input(
            label,
            value=_first(path, draft.value(path), optional),
            step=1,
            help=tip,
            **_wiring(path),
        )


def real(
    label: str, path: draft.Path, step: float, tip: str | None = None, *, optional: bool = False
) -> None:
    """A number; one that is `optional` may be emptied, and is None then."""
    current = draft.value(path)
    with _slot(path):
        st.number_input(
            label,
            value=_first(path, None if current is None else float(current), optional),
            step=step,
            format="%g",
            help=tip,
            **_wiring(path),
        )


def slide(
    label: str, path: draft.Path, low: float, high: float, step: float, tip: str | None = None
) -> None:
    """A number on a slider."""
    current = float(draft.value(path))
    with _slot(path):
        st.slider(label, low, high, value=current, step=step, help=tip, **_wiring(path))


def switch(label: str, path: draft.Path, tip: str | None = None) -> None:
    """On or off."""
    with _slot(path):
        st.toggle(label, value=bool(draft.value(path)), help=tip, **_wiring(path))


def pick(label: str, path: draft.Path, options: Sequence[Any], tip: str | None = None) -> None:
    """One of some numbers on a slider; the draft's own value joins them."""
    current = draft.value(path)
    choices = sorted({*options, current})
    with _slot(path):
        st.select_slider(
            label,
            choices,
            value=current,
            format_func=lambda number: f"{number:g}",
            help=tip,
            **_wiring(path),
        )


def choose(
    label: str,
    path: draft.Path,
    options: Sequence[str],
    tip: str | None = None,
    show: Callable[[str], str] = lambda name: name.replace("_", " "),
) -> None:
    """One of some names; a name that only a program could send changes nothing."""
    current = draft.value(path)
    with _slot(path):
        st.selectbox(
            label,
            options,
            index=list(options).index(current),
            format_func=show,
            help=tip,
            key=draft.key(path),
            on_change=draft.edit,
            args=(path, lambda new: new if new in options else current),
        )


def _first(path: draft.Path, current: Any, optional: bool) -> Any:
    """The value that a field begins with, to which Streamlit returns when it is emptied.

    So an optional field begins empty, and what it holds now comes from the session's state. It is
    put there each time: a popover makes its fields when it is opened, and one that the browser is
    told of no value for would begin empty, and empty the draft.
    """
    if not optional:
        return current
    st.session_state[draft.key(path)] = current
    return None


def _slot(path: draft.Path) -> AbstractContextManager[Any]:
    return layout.slot("-".join(map(str, path)))


def _wiring(path: draft.Path) -> dict[str, Any]:
    return {"key": draft.key(path), "on_change": draft.edit, "args": (path,)}
