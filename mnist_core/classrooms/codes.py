"""Codes that let pupils into a class, and how many wrong ones are allowed.

Ten of 31 letters and digits, 8 · 10¹⁴ codes, drawn by `secrets`. Guessing from a thousand network
addresses at once, each as often as `MOST_OF_ADDRESS` allows, finds one of 100 classes once in some
four hundred years. There is no limit for all visitors together: it would let anyone keep everybody
else out of their class.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

# Without those that look alike when they are read from a blackboard: 0 and O, 1, I and L.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 10
# Longer than this no text is looked at.
LONGEST_TYPED = 40

WINDOW_SECONDS = 600.0
# Wrong codes within it: of one visitor, of one network address, which may be a whole school's.
MOST_OF_VISITOR, MOST_OF_ADDRESS = 10, 400
# So many are remembered; then the oldest are forgotten.
MOST_KEPT = 100_000


def new_code() -> str:
    """A code that nobody can foresee."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """The code as people read it: "K7TM4-QXA9B"."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def clean(text: str) -> str | None:
    """The code that somebody typed, in whatever case and with whatever between; None for none."""
    if len(text) > LONGEST_TYPED:
        return None
    code = "".join(letter for letter in text.upper() if letter not in " -–.\t\n")
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None


class Guesses:
    """Counts wrong codes, of this process; any thread may call all of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: deque[tuple[float, str, str | None]] = deque()
        self._visitors: Counter[str] = Counter()
        self._addresses: Counter[str | None] = Counter()

    def note(self, owner: str, address: str | None) -> None:
        """This visitor, at this address, has given a wrong code."""
        with self._lock:
            self._wrong.append((self._clock(), owner, address))
            self._visitors[owner] += 1
            self._addresses[address] += 1
            self._forget_old()

    def too_many(self, owner: str, address: str | None) -> bool:
        """True when no code is taken from this visitor just now."""
        with self._lock:
            self._forget_old()
            if self._visitors[owner] >= MOST_OF_VISITOR:
                return True
            return address is not None and self._addresses[address] >= MOST_OF_ADDRESS

    def _forget_old(self) -> None:
        last = self._clock() - WINDOW_SECONDS
        while self._wrong and (self._wrong[0][0] < last or len(self._wrong) > MOST_KEPT):
            _, owner, address = self._wrong.popleft()
            _count_down(self._visitors, owner)
            _count_down(self._addresses, address)


def _count_down(counts: Counter[Any], key: str | None) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
