"""What a server imports before anybody asks for it."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from threading import Event

from pages.session import server_start


def test_all_that_is_imported_ahead_exists():
    missing = [name for name in server_start.AHEAD if find_spec(name) is None]
    assert not missing


def test_pages_take_turns_until_all_is_imported(monkeypatch, caplog):
    """Two threads that import the same package at once may each get half of it."""
    imported, ahead, ending = Event(), Event(), Event()
    monkeypatch.setattr(server_start, "_imported", imported)
    monkeypatch.setattr(server_start, "_ahead", ahead)
    monkeypatch.setattr(server_start, "AHEAD", ("no_such_module", "json"))
    asked = []
    monkeypatch.setattr(
        server_start, "import_module", lambda name: asked.append(import_module(name))
    )
    ahead.set()
    server_start.all_imported()  # says a page that is through
    assert not imported.is_set()
    server_start._import_ahead(ending)
    assert asked == [json]  # whatever became of the one before
    assert "no_such_module could not be imported ahead" in caplog.text
    assert imported.is_set()  # nobody waits any more
