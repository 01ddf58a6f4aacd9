"""Runs and models as files: save one, open those of others, and links for a class."""

from __future__ import annotations

from collections.abc import Callable

from pages.session import explore_tabs as tabs
from pages.views.explore.files_link import link_view
from pages.views.explore.files_open import open_view
from pages.views.explore.files_save import save_view
from pages.widgets.tabs import view_tabs

VIEWS: dict[str, Callable[[], None]] = {
    tabs.SAVE: save_view,
    tabs.OPEN: open_view,
    tabs.LINK: link_view,
}


def view() -> None:
    """The three views."""
    view_tabs(VIEWS, tabs.FILES_VIEW)
