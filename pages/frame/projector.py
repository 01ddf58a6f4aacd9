"""Projector mode: larger type and fewer controls, for a whole class to see.

A link with `projector=1` turns it on, `projector=0` off; the browser remembers it.
"""

from __future__ import annotations

import streamlit as st

from pages.session import browser_storage
from pages.streamlit_compat.selectors import with_selectors
from pages.widgets import layout

PARAMETER = "projector"
_ON, _OFF = "on", "off"

# The type follows the screen's width, so that what fits at 1280 pixels fits at 1920.
_STYLE = with_selectors("""<style>
html { font-size: clamp(19px, 1.5vw, 40px) !important; }
:st(page) { padding: 4.2rem 2.5rem 1.5rem; }
/* What a class looks at is the figure: it gets the room. */
@media (min-width: 900px) {
  [class*="st-key-layout_"] { grid-template-columns: 1fr 2fr !important;
    column-gap: 2rem !important; }
}
html { --diagram-width: 100%; --diagram-height: 50vh; --paper-width: 100%; }
[class*="st-key-figure_"] .katex { font-size: 1em; }
.st-key-paper, :st(wrapper):has(> .st-key-paper) {
  width: min(34vw, 60vh) !important; max-width: none !important; flex: none !important; }
.st-key-which_image :st(element) { width: auto !important; flex: 1 1 8rem; }
/* The chapters by their numbers alone, in the header: the figure needs the height. */
@media (min-width: 1200px) {
  html .st-key-strip { position: fixed; top: 0; right: 7rem; height: 3.75rem; width: auto;
    flex-wrap: nowrap; border: none; padding: 0; z-index: 999991; }
  :st(wrapper):has(> .st-key-strip) { position: absolute; height: 0; }
}
.st-key-strip :st(page_link) p span { position: absolute; width: 1px;
  height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
</style>""")


def is_on() -> bool:
    """True when this visitor's pages are made for a projector."""
    return browser_storage.read(PARAMETER) == _ON


def load() -> None:
    """Take over what a link says; then the address is as without it, so that the button counts."""
    wanted = st.query_params.get(PARAMETER)
    if wanted is not None:
        browser_storage.write(
            PARAMETER, _OFF if wanted.strip().lower() in ("0", "off", "false") else _ON
        )
        del st.query_params[PARAMETER]
    layout.for_projector(is_on())


def toggle() -> None:
    """Callback: on or off."""
    browser_storage.write(PARAMETER, _OFF if is_on() else _ON)


def button() -> None:
    """Turn it on or off."""
    on = is_on()
    st.button(
        "Leave projector mode" if on else "Projector mode",
        key="projector",
        icon=":material/close_fullscreen:" if on else ":material/present_to_all:",
        type="tertiary",
        help="Back to all controls" if on else "Larger type and fewer controls, for a class",
        on_click=toggle,
    )


def style() -> None:
    """The larger type, where it is wanted."""
    if is_on():
        st.html(_STYLE)
