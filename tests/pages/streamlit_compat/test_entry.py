"""Streamlit opens files in `pages/` without `app.py`, as long as it does."""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager

from mnist_core.base.paths import REPOSITORY


def test_streamlit_still_looks_for_pages_itself(monkeypatch):
    """Where it no longer does, `entry.through_app` can go."""
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    PagesManager(str(REPOSITORY / "app.py"))
    assert PagesManager.uses_pages_directory
