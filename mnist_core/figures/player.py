"""The bar that plays, pauses and steps figures: what its script in the browser needs."""

from __future__ import annotations

from pathlib import Path

from mnist_core.figures.shared import SHARED_JS

PLAYER_JS: str = SHARED_JS + Path(__file__).with_name("player.js").read_text(encoding="utf-8")
PLAYER_CSS: str = Path(__file__).with_name("player.css").read_text(encoding="utf-8")

_ICONS = {
    "start": "M7 4v16l13-8z",
    "pause": "M6 4h4v16H6zM14 4h4v16h-4z",
    "back": "M16 5v14L6 12zM4 5h2v14H4z",
    "on": "M8 5v14l10-7zM18 5h2v14h-2z",
}


def _icon(name: str) -> str:
    path = f'<path d="{_ICONS[name]}"/>'
    return f'<svg class="{name}" viewBox="0 0 24 24" aria-hidden="true">{path}</svg>'


def _button(part: str, label: str, *icons: str) -> str:
    drawn = "".join(map(_icon, icons))
    said = f'aria-label="{label}" title="{label}"'
    return f'<button type="button" class="{part}" {said}>{drawn}</button>'


PLAYER_HTML = (
    '<div class="player" role="group">'
    + _button("play", "Play", "start", "pause")
    + _button("back", "One step back", "back")
    + _button("on", "One step on", "on")
    + '<input class="range" type="range" min="0" step="1"><output class="words"></output></div>'
)
