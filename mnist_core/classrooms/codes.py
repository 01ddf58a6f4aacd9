"""Codes that let pupils into a class, and how many wrong ones are borne.

Eight of 31 letters and digits, 850 thousand million codes, drawn by `secrets`. With at most
`MOST_OF_ALL` wrong ones in ten minutes on a server of 100 classes, somebody finds one of them by
guessing once in some three hundred years.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable

# Without those that look alike when they are read from a blackboard: 0 and O, 1, I and L.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8
# Longer than this no text is looked at.
LONGEST_TYPED = 40

WINDOW_SECONDS = 600.0
# Wrong codes within it: of one visitor, of one network address, of everybody.
MOST_OF_VISITOR, MOST_OF_ADDRESS, MOST_OF_ALL = 10, 60, 500


def new_code() -> str:
    """A code that nobody can foresee."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """The code as people read it: "K7TM-4QXA"."""
    return f"{code[:4]}-{code[4:]}"


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
        self._wrong: deque[tuple[float, str, str | None]] = deque(maxlen=MOST_OF_ALL)

    def note(self, owner: str, address: str | None) -> None:
        """This visitor, at this address, has given a wrong code."""
        with self._lock:
            self._wrong.append((self._clock(), owner, address))

    def too_many(self, owner: str, address: str | None) -> bool:
        """True when no code is taken from this visitor just now."""
        with self._lock:
            while self._wrong and self._clock() - self._wrong[0][0] > WINDOW_SECONDS:
                self._wrong.popleft()
            theirs = sum(who == owner for _, who, _ in self._wrong)
            there = sum(address is not None and where == address for _, _, where in self._wrong)
            return (
                theirs >= MOST_OF_VISITOR
                or there >= MOST_OF_ADDRESS
                or len(self._wrong) >= MOST_OF_ALL
            )
