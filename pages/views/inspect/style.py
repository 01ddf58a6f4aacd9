"""The look of the page Look inside: network, checkpoint and input in reach, the rest pictures."""

from __future__ import annotations

import streamlit as st

from pages.session.paper import STYLE as PAPER_STYLE
from pages.streamlit_compat.selectors import with_selectors

_STYLE = with_selectors("""
:st(page) { padding-top: 4.3rem; }
:st(page) :st(stack) { gap: 0.5rem; }
/* The checkpoint stays in reach while one looks at what lies further down. */
:st(wrapper):has(> .st-key-inspect_bar) { position: sticky; top: 3.6rem; z-index: 98;
  background: light-dark(#ffffff, #12161c); padding: 0.4rem 0 0.2rem; margin-top: -0.3rem; }
.st-key-inspect_bar { flex-wrap: nowrap; }
.st-key-inspect_bar > :st(wrapper):has(> .st-key-moment) { flex: 1 1 10rem; min-width: 0; }
.st-key-inspect_bar > :st(wrapper):has(> .st-key-run_picker) { flex: none; }
.st-key-which_input, .st-key-which_image { flex-wrap: nowrap; }
.st-key-inspect_choices button { padding: 0.2rem 0.65rem; min-height: 2.3rem; }
.st-key-inspect_choices button p { font-size: 0.94rem; white-space: nowrap; }
.st-key-inspect_side { --paper-width: 210px; }
/* Beside the pictures the paper has its pen, and neither width nor words. */
.st-key-inspect_side .st-key-paper_tools { flex-wrap: nowrap; }
.st-key-inspect_side .st-key-paper_tools button { padding: 0.2rem 0.45rem; min-height: 2.2rem; }
.st-key-inspect_side .st-key-clear_canvas :st(words) p { font-size: 0; }
.st-key-inspect_side :st(wrapper):has(> * > .st-key-drawing_width) { display: none; }
.st-key-inspect_sides { flex-wrap: nowrap; }
.st-key-inspect_sides > :st(wrapper):has(> .st-key-inspect_side) { flex: none; }
.st-key-value :st(words) p { margin: 0 0 0.3rem; }
.st-key-value .katex { font-size: 1rem; }
.st-key-value .katex-display { margin: 0.2rem 0; }
@media (max-width: 900px) {
  .st-key-inspect_bar, .st-key-inspect_sides, .st-key-which_input { flex-wrap: wrap; }
  .st-key-inspect_bar > :st(wrapper):has(> .st-key-run_picker), .st-key-run_picker {
    flex: 1 1 100%; width: 100% !important; }
  /* What is sticky on a phone is the row of the checkpoint alone. */
  :st(wrapper):has(> .st-key-inspect_bar) { top: 1.3rem; padding-top: 0.2rem; }
  .st-key-inspect_bar { gap: 0.3rem; }
  .st-key-inspect_bar .st-key-checkpoint_play :st(words) p,
  .st-key-inspect_choices .st-key-next_mistake :st(words) p { font-size: 0; }
  .st-key-inspect_bar button { min-width: 2.4rem; padding: 0.2rem 0.5rem; }
  .st-key-inspect_choices button { padding: 0.15rem 0.5rem; }
  .st-key-which_image { gap: 0.3rem; }
}
""")


def style() -> None:
    """Put the style sheet into the page."""
    st.html(f"<style>{PAPER_STYLE}{_STYLE}</style>")
