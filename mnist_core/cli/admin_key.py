"""The key to the status view, which anyone may see in a lab of their own."""

from __future__ import annotations

import hashlib
import hmac
import os

from mnist_core.visitors import limits

SETTING = "MNIST_LAB_STATUS_KEY"
# A shorter key could be guessed: it opens nothing.
SHORTEST = 16


def is_needed() -> bool:
    """True when the view asks for a key: on a shared server, and wherever one is set."""
    return limits.current().public or bool(_key())


def is_set() -> bool:
    """True when there is a key that opens the view."""
    return len(_key()) >= SHORTEST


def admits(given: str) -> bool:
    """True when this is the key. Takes as long for every wrong one."""
    return is_set() and hmac.compare_digest(_digest(given), _digest(_key()))


def _key() -> str:
    return os.environ.get(SETTING, "").strip()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
