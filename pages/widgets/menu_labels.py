"""Labels of a menu's options, no two alike: a browser sends back the words of what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count


def distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels by key, those that are given twice with a number: "net", "net (2)"."""
    found: dict[str, str] = {}
    taken = set(labels.values())
    for key, label in labels.items():
        if label in found.values():
            label = next(
                free for number in count(2) if (free := f"{label} ({number})") not in taken
            )
            taken.add(label)
        found[key] = label
    return found
