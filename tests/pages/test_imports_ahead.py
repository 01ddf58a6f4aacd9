"""What a server imports before anybody asks for it."""

from __future__ import annotations

from importlib.util import find_spec

from pages.session import server_start


def test_all_that_is_imported_ahead_exists():
    missing = [name for name in server_start.AHEAD if find_spec(name) is None]
    assert not missing
