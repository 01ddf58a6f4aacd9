"""The common parts of the views of the Files tab."""

from __future__ import annotations

import re

from mnist_core.storage.store import Run


def size_words(size: int) -> str:
    """A number of bytes for people: "172 kB"."""
    for unit, bytes_each in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= bytes_each:
            return f"{size / bytes_each:.3g} {unit}"
    return f"{size} bytes"


def file_name(run: Run) -> str:
    """The run's name as the name of a file: letters, digits and dashes."""
    return re.sub(r"[^\w.-]+", "-", run.name).strip("-.")[:60] or "run"
