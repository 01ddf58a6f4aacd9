"""What a database holds."""

from __future__ import annotations

from mnist_core.storage import schema
from mnist_core.storage.store import Store


def everything(store: Store) -> list[object]:
    """All rows of all tables, but for the marks of servers and visitors that they are there."""
    with store.transaction() as connection:
        return [
            tuple(row)
            for table in schema.metadata.sorted_tables
            if table not in (schema.servers, schema.visitors)
            for row in connection.execute(table.select())
        ]
