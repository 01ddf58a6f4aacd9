"""Objects that exist once in a process, and how they end."""

from __future__ import annotations

import pytest

from mnist_core.base import once

closed: list[str] = []


class Part:
    def __init__(self, name: str) -> None:
        self.name = name

    def close(self) -> None:
        closed.append(self.name)
        if self.name == "second":
            raise RuntimeError("it does not close")


@once.once
def _first() -> Part:
    return Part("first")


@once.once
def _second() -> Part:
    return Part("second")


@once.once
def _third() -> Part:
    return Part("third")


def test_the_newest_is_closed_first_and_one_that_fails_keeps_no_other_open() -> None:
    closed.clear()
    assert _first() is _first()
    _second(), _third()
    with pytest.raises(RuntimeError, match="does not close"):
        once.close_all()
    assert closed == ["third", "second", "first"]
    once.close_all()
    assert closed == ["third", "second", "first"]
