"""What is kept is tested on both kinds of database."""

from tests.support.databases import database, server  # noqa: F401 - fixtures
