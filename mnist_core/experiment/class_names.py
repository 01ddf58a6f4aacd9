"""Names of a network's classes in sentences and figures: ten digits, or names of one's own."""

from __future__ import annotations

from collections.abc import Sequence

DIGITS = tuple("0123456789")


def one(name: str) -> str:
    """An example of a class.

    >>> one("3"), one("Ankle boot")
    ('a 3', '“Ankle boot”')
    """
    return f"a {name}" if name in DIGITS else f"“{name}”"


def every(name: str) -> str:
    """All examples of a class.

    >>> every("3"), every("Ankle boot")
    ('all 3s', 'all of “Ankle boot”')
    """
    return f"all {name}s" if name in DIGITS else f"all of “{name}”"


def noun(names: Sequence[str]) -> str:
    """The noun for one of them: "digit" or "class"."""
    return "digit" if tuple(names) == DIGITS else "class"


def marks(names: Sequence[str]) -> tuple[str, ...]:
    """Something short to draw for each class: its name where all are short, else its number."""
    if all(len(name) <= 2 for name in names):
        return tuple(names)
    return tuple(str(index) for index in range(len(names)))
