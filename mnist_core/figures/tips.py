"""Explanations at the parts of a drawing: on hover, touch and focus."""

from __future__ import annotations

import html
from pathlib import Path

_HERE = Path(__file__).parent
TIPS_JS: str = (_HERE / "tips.js").read_text(encoding="utf-8")
"""Goes before a drawing's script, which calls `explain(host)`."""
TIPS_CSS: str = (_HERE / "tips.css").read_text(encoding="utf-8")


def tip(text: str) -> str:
    """The attribute that gives an SVG or HTML element its explanation."""
    return f'data-tip="{html.escape(text)}"'
