"""What the views of the Files tab have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mnist_core.store import Run


def size_words(count: int) -> str:
    """A number of bytes for people: "172 kB"."""
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def file_name(run: Run) -> str:
    """The run's name as the name of a file: letters, digits and dashes."""
    return re.sub(r"[^\w.-]+", "-", run.name).strip("-.")[:60] or "run"


def distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels, those that are given twice with a number: a menu tells its options by them."""
    seen: dict[str, int] = {}
    found = {}
    for key, label in labels.items():
        seen[label] = seen.get(label, 0) + 1
        found[key] = label if seen[label] == 1 else f"{label} ({seen[label]})"
    return found
