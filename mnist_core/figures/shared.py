"""What figures share in the browser under a name: a choice, or the time of a player's clock."""

from __future__ import annotations

from pathlib import Path

SHARED_JS: str = Path(__file__).with_name("shared.js").read_text(encoding="utf-8")
"""Goes before a script whose figure shares a value with others."""
