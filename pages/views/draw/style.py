"""The look of the Draw page's own parts."""

from __future__ import annotations

import streamlit as st

from mnist_core.figures.template import DARK, LIGHT
from pages.session.paper import STYLE as PAPER_STYLE
from pages.streamlit_compat.selectors import with_selectors


def style() -> None:
    """The page's style sheet."""
    st.html(f"<style>{_ACCENT}{PAPER_STYLE}{STYLE}</style>")


_ACCENT = with_selectors(f":st(app) {{ --accent: light-dark({LIGHT[0]}, {DARK[0]}); }}")
STYLE = """
.st-key-reading { flex: 1 1 17rem; max-width: 34rem; }
.st-key-prediction { min-height: 7rem; min-width: 4.5rem; justify-content: center; }
/* Where a sentence says why there is no answer, it takes the answer's place. */
.st-key-reading:has(.st-key-below_answer [role="alert"]) .st-key-answer { display: none; }
.st-key-prediction p { font-size: 6.5rem; line-height: 1; font-weight: 700; margin: 0; }
.st-key-prediction p:has(em) { font-size: 1.25rem; font-weight: 400; }
.st-key-prediction p:has(strong) { font-size: 2rem; line-height: 1.15; }
.st-key-prediction em { font-style: normal; opacity: 0.7; }
figure.seen { display: flex; gap: 1rem; align-items: center; margin: 0; }
.gallery { display: flex; flex-wrap: wrap; gap: 0.9rem 1rem; }
figure.small { margin: 0; width: var(--side); font-size: 0.875rem; line-height: 1.35; }
figure.small img { width: var(--side); height: var(--side); object-fit: contain;
    background: #000; display: block; }
figure.small figcaption { margin-top: 0.25rem; }
figure.seen img, figure.small img { image-rendering: pixelated; flex: none;
    outline: 1px solid rgba(128, 128, 128, 0.5); }
figure.seen img { width: 112px; height: 112px; }
figure.seen p { margin: 0; }
figure.seen p + p { font-size: 0.875rem; opacity: 0.75; margin-top: 0.25rem; }
.st-key-photo_reading p { font-size: 2.5rem; font-weight: 700; line-height: 1.25; }
p.compared { margin: 0 0 0.5rem; }
p.compared strong { font-size: 3.5rem; line-height: 1; margin-right: 0.75rem; }
p.compared strong.long { font-size: 1.5rem; }
table.ten { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.ten tr, table.ten th, table.ten td { border: none; padding: 0; line-height: 1.5rem; }
table.ten th { width: 1.75rem; text-align: left; font-weight: 400; }
table.named th { width: 8.5rem; overflow-wrap: anywhere; }
table.ten td:last-child { width: 5rem; text-align: right; }
table.ten div { height: 1rem; border-radius: 0.2rem; background: var(--accent); opacity: 0.45; }
table.ten .best div { opacity: 1; }
table.ten .best th, table.ten .best td { font-weight: 700; }
.st-key-answer { flex-wrap: nowrap; }
/* The images of several digits stand below their number where there is no room beside it. */
.st-key-answer:has(.gallery) { flex-wrap: wrap; row-gap: 0.5rem; }
.st-key-answer > :has(.gallery) { flex: 0 1 auto; width: auto; }
@media (max-width: 640px) {
    .st-key-board, .st-key-answer, .st-key-paper { row-gap: 0.5rem; }
    .st-key-draw_intro { display: none; } /* so that the answer is on the screen with the paper */
}
"""
