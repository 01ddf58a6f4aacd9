"""The look that all pages share, beyond what the theme in .streamlit/config.toml can say."""

from __future__ import annotations

import streamlit as st

# Streamlit's small print is just too pale to read on white, and its white label on the bright
# blue of the dark theme: both are set to at least 4.5:1.
_STYLE = """<style>
.stApp [data-testid="stCaptionContainer"] { color: var(--quiet-text); }
.stApp [data-testid="stCaptionContainer"] > p { opacity: 1; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
a:focus-visible, button:focus-visible, [tabindex]:focus-visible, input[type="range"]:focus-visible {
  outline: 2px solid var(--focus-ring) !important; outline-offset: 2px; }
</style>"""
_LIGHT = ":root { --quiet-text: #56616f; --raised-ground: #f2f5f9; --focus-ring: #0b6fc2; }"
_DARK = """
:root { --quiet-text: #a9b4c2; --raised-ground: #1d242e; --focus-ring: #7fbcff; }
.stApp button[kind^="primary"], .stApp button[kind^="primary"] p { color: #0b1118; }
"""


def style() -> None:
    """Put the style sheet into the page."""
    own = _DARK if st.context.theme.type == "dark" else _LIGHT
    st.html(f"<style>{own}</style>{_STYLE}")


def unseen_title(title: str) -> None:
    """A page's heading for screen readers alone, where the page itself says what it is."""
    st.html(f'<h1 class="unseen">{title}</h1>')
