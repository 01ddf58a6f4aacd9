"""Error sentences of a page for what it needs and cannot have, whichever part of it asked.

That is the database first of all, then the data and the model that come with the app.

`guarded` is around each page; parts of it that run by themselves are made by `fragment`, and
callbacks that write or compute are wrapped in `said_later`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from mnist_core.base.errors import AppError, StoreError, Unavailable
from mnist_core.base.sandbox import WorkFailed

ICON, OTHER_ICON = ":material/database_off:", ":material/error:"
_WAITING = "store_error"
# How soon a page is tried again that the database kept from being shown.
AGAIN_SECONDS = 4.0


@contextmanager
def guarded(whole_page: bool = False) -> Iterator[None]:
    """Show the errors of this block, and what was refused to a callback before.

    `whole_page`: a page that the database kept from being shown is tried again by itself.
    """
    if said := st.session_state.pop(_WAITING, None):
        st.error(str(said), icon=_icon(said))
    try:
        yield
    except Unavailable as error:
        again = "The page tries again by itself." if whole_page else "Then reload this page."
        st.error(f"{error} {again}", icon=ICON)
        if whole_page:
            run_again(AGAIN_SECONDS)
    except AppError as error:
        st.error(f"{error} Then reload this page.", icon=_icon(error))
    except WorkFailed as error:
        st.error(str(error), icon=OTHER_ICON)


def _icon(error: Exception) -> str:
    return ICON if isinstance(error, StoreError) else OTHER_ICON


def run_again(seconds: float) -> None:
    """Have the whole page run again after so long."""
    began = time.monotonic()

    def again() -> None:
        if time.monotonic() - began > seconds / 2:  # else it is this very run of the page
            st.rerun()

    st.fragment(again, run_every=seconds)()


def fragment(part: Callable[..., None], run_every: float | None = None) -> Callable[..., None]:
    """As `st.fragment`, `guarded`."""

    @functools.wraps(part)
    def guarded_part(*arguments: Any, **more: Any) -> None:
        with guarded():
            part(*arguments, **more)

    return st.fragment(guarded_part, run_every=run_every)


def said_later(callback: Callable[..., Any]) -> Callable[..., None]:
    """The callback; why it could not do its work is said when the page is drawn next."""

    @functools.wraps(callback)
    def tried(*arguments: Any, **more: Any) -> None:
        try:
            callback(*arguments, **more)
        except (AppError, WorkFailed) as error:
            st.session_state[_WAITING] = error

    return tried


_NOTICE = {"text": ""}


def set_notice(text: str) -> None:
    """Set what every page says until the server ends; "" for nothing."""
    _NOTICE["text"] = text


def show_notice() -> None:
    """Say it."""
    if _NOTICE["text"]:
        st.warning(_NOTICE["text"], icon=ICON)
