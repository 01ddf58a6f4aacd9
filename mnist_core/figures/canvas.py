"""What the page's drawing paper is made of: its HTML, its JavaScript and its look."""

from __future__ import annotations

from pathlib import Path

from mnist_core.drawing.strokes import THICKEST_PEN, THINNEST_PEN

CANVAS_JS: str = Path(__file__).with_name("canvas.js").read_text(encoding="utf-8")
"""An ES module for `st.components.v2.component`.

It takes `{"number": int, "strokes": [...]}` and reports the same as the state `drawing`; strokes
are as in `mnist_core.drawing.strokes`. Strokes it is given count when the number differs from
before.
"""

CANVAS_CSS: str = Path(__file__).with_name("canvas.css").read_text(encoding="utf-8")

_ICONS = {
    "pen": ("Pen", '<path d="M4 20l1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19z"/>'),
    "eraser": ("Eraser", '<path d="M8 20h12M6 17l-2-2a2 2 0 0 1 0-3L12 4l8 8-8 8H8zM8 8l8 8"/>'),
    "undo": ("Undo (Ctrl+Z)", '<path d="M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3"/>'),
    "redo": ("Redo (Ctrl+Y)", '<path d="M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3"/>'),
}
_BUTTONS = "".join(
    f'<button type="button" data-tool="{name}" title="{label}" aria-label="{label}">'
    f'<svg viewBox="0 0 24 24" aria-hidden="true">{path}</svg></button>'
    for name, (label, path) in _ICONS.items()
)

CANVAS_HTML = (
    '<div class="paper-board">'
    '<canvas tabindex="0" role="img" aria-label="Paper to draw a digit on"></canvas>'
    f'<div class="paper-tools" role="toolbar" aria-label="Drawing tools">{_BUTTONS}'
    f'<label title="Stroke width"><input type="range" min="{THINNEST_PEN}" max="{THICKEST_PEN}" '
    'aria-label="Stroke width"><span class="paper-dot"></span></label></div></div>'
)
