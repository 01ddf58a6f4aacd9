"""Markdown escaping for words that a person or a file wrote."""

from __future__ import annotations

import re


def escaped(text: str) -> str:
    """Escape `text` for Markdown, so that it is shown letter by letter, on one line."""
    # Streamlit looks for addresses and arrows once backslashes are gone: an invisible character
    # in the middle keeps them apart.
    apart = _FOUND_LATER.sub("\u2060", " ".join(text.splitlines()))
    return "".join(f"\\{letter}" if letter in _MARKS else letter for letter in apart)


_MARKS = frozenset(r"\`*_{}[]()<>#+-.!|~$:^&=")
_FOUND_LATER = re.compile(
    r"""(?<=[-<>~=])(?=[-<>=])                      # arrows and the like
    | (?<=:)(?=//|material|streamlit|[-+\w]+:)  # addresses, icons, emoji
    | (?<=w)(?=ww\.) | (?=@)""",
    re.IGNORECASE | re.VERBOSE,
)
