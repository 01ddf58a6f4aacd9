"""Errors that are nobody's mistake, each a sentence that says what is wrong and what mends it."""

from __future__ import annotations


class AppError(RuntimeError):
    """Something that the app needs is missing or refuses; the message is a sentence."""


class StoreError(AppError):
    """Runs cannot be kept or read; the message says why and what to do."""


class Unavailable(StoreError):
    """The database takes or gives nothing now, and may do so again once its cause is removed."""


def first_line(error: BaseException, most: int = 300) -> str:
    """The message of a library's error on one line of at most so many characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]
