"""The look that all pages share, beyond what the theme in .streamlit/config.toml can say."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import streamlit as st

from pages.streamlit_compat.first_style import LIFTED
from pages.streamlit_compat.selectors import with_selectors

_PROJECTOR = "figures_on_projector"
# Streamlit's small print is just too pale to read on white, and its white label on the bright
# blue of the dark theme: both are set to at least 4.5:1.
_STYLE = with_selectors(
    f"<style>{LIFTED}"
    """
/* A choice that is longer than its menu ends in an ellipsis. */
input[role="combobox"] { text-overflow: ellipsis; }
/* Firefox makes a popover's button a hundredth of a pixel narrower than its words. */
@supports (-moz-appearance: none) { :st(popover_button) :st(words) { text-overflow: clip; } }
:st(app) { --quiet-text: light-dark(#56616f, #a9b4c2); --focus-ring: light-dark(#0b6fc2, #7fbcff);
  --raised-ground: light-dark(#f2f5f9, #1d242e); }
:st(app) button:st(primary):enabled, :st(app) button:st(primary):enabled p {
  color: light-dark(#ffffff, #0b1118); }
:st(app) button:st(primary):disabled, :st(app) button:st(primary):disabled p {
  color: var(--quiet-text); }
:st(app) :st(tag), :st(app) :st(tag) * { color: light-dark(#ffffff, #0b1118); }
:st(caption) { opacity: 0.75; }
:st(element):has(.unseen), .unseen { position: absolute; width: 1px;
  height: 1px; overflow: hidden; clip-path: inset(50%); }
/* Icons alone; their names are there for screen readers and as tooltips. */
[class*="st-key-icon-"] :st(words),
.st-key-tools :st(words) { position: absolute; width: 1px; height: 1px;
  overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
/* Streamlit keeps a replaced widget below the new one until the run ends. */
[class*="st-key-slot-"] > :st(stale):not(:first-child) { display: none; }
@media (max-width: 640px) { :st(row) { row-gap: 1rem; }
  .st-key-study_status, .st-key-best_trial, .st-key-study_verdict { min-width: 100%; } }
a:focus-visible, button:focus-visible, [tabindex]:focus-visible, input[type="range"]:focus-visible {
  outline: 2px solid var(--focus-ring) !important; outline-offset: 2px; }
</style>"""
)


def style() -> None:
    """Put the style sheet into the page."""
    st.html(_STYLE)


def for_projector(on: bool) -> None:
    """Say whether this session's figures are made for a projector."""
    st.session_state[_PROJECTOR] = on


def on_projector() -> bool:
    """True when figures grow with the page's type, for a whole class to see."""
    return bool(st.session_state.get(_PROJECTOR))


def slot(name: str) -> AbstractContextManager[Any]:
    """A place for one widget whose key changes, so that nothing moves while it is replaced."""
    return st.container(key=f"slot-{name}")


def unseen_title(title: str) -> None:
    """A page's heading for screen readers alone, where the page itself says what it is."""
    st.html(f'<h1 class="unseen">{title}</h1>')
