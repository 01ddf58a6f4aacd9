"""Streamlit opens files in `pages/` without `app.py`, unless it is told not to."""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager

from mnist_core.base.paths import REPOSITORY
from pages.streamlit_compat import entry


def test_streamlit_still_looks_for_pages_itself(monkeypatch):
    """Where it no longer does, `entry` can go."""
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    PagesManager(str(REPOSITORY / "app.py"))
    assert PagesManager.uses_pages_directory


def test_it_runs_app_alone_once_told(monkeypatch):
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    entry.run_app_alone()
    PagesManager(str(REPOSITORY / "app.py"))
    assert not PagesManager.uses_pages_directory
