"""What the tests of the engine's parts have in common."""

from __future__ import annotations

import pytest

from mnist_core.storage.store import Store
from tests.support.engine_parts import Parts


@pytest.fixture
def parts(store: Store) -> Parts:
    return Parts(store)
