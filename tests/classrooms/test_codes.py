"""Codes of a class: read from a blackboard, and not to be guessed."""

from __future__ import annotations

import pytest

from mnist_core.classrooms import codes
from mnist_core.classrooms.codes import Guesses, clean, new_code, shown


def test_codes_are_random_and_read_back_however_they_are_typed():
    made = {new_code() for _ in range(200)}
    assert len(made) == 200
    for code in made:
        assert clean(code) == clean(shown(code)) == clean(f"  {shown(code).lower()} ") == code


@pytest.mark.parametrize("text", ["", "ABCD", "ABCD-EFG0", "ABCD-EFGH-J", "A" * 10**6, "ÄBCDEFGH",
                                  "ABCDEFG\x00", "ABCD' OR"])  # fmt: skip
def test_what_is_no_code_is_told_apart(text: str):
    assert clean(text) is None


def test_wrong_codes_are_counted_by_visitor_and_address():
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    assert codes.MOST_OF_ADDRESS >= 300  # a school, each of whose pupils mistypes it
    for _ in range(codes.MOST_OF_VISITOR):
        assert not guesses.too_many("a", "school")
        guesses.note("a", "school")
    assert guesses.too_many("a", "elsewhere") and not guesses.too_many("b", "school")
    for number in range(codes.MOST_OF_ADDRESS):
        guesses.note(f"new cookie {number}", "school")
    assert guesses.too_many("b", "school") and not guesses.too_many("b", "home")
    assert not guesses.too_many("c", None)
    now[0] = codes.WINDOW_SECONDS + 1
    assert not guesses.too_many("a", "school")


def test_nobody_keeps_visitors_at_other_addresses_out(monkeypatch):
    monkeypatch.setattr(codes, "MOST_KEPT", 600)
    guesses = Guesses(lambda: 0.0)
    for number in range(2_000):
        guesses.note(f"v{number}", f"address {number % 9}")
    assert not guesses.too_many("d", "home")
    assert len(guesses._wrong) == sum(guesses._visitors.values()) == 600
