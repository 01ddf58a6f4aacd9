"""A store on each kind of database: fixtures for tests to import."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mnist_core.storage import schema
from mnist_core.storage.store import Store
from tests.support.postgres import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest, home) -> Iterator[Store]:
    """A store on each of the two; that on PostgreSQL is emptied after each test."""
    url = request.getfixturevalue("server") if request.param == "PostgreSQL" else None
    opened = Store(url)
    yield opened
    schema.metadata.drop_all(opened.engine)
    opened.close()
