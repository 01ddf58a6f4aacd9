"""The lesson's look: what Streamlit's theme does not say."""

from __future__ import annotations

import streamlit as st

from pages.streamlit_compat.selectors import with_selectors

LAPTOP = 810
"""The height of a window, in pixels, above which the charts of chapters gain height (live.js)."""
_GROWTH = f"clamp(0px, 100vh - {LAPTOP}px, 220px)"
# Charts take their room before they are drawn.
_CHARTS = "".join(
    f".st-key-{key} {{ min-height: calc({height}px + var(--growth)); }}"
    for key, height in {
        "bend_curves": 270,
        "stack_curve": 270,
        "start_signals": 370,
        "start_losses": 370,
        "descent_surface": 330,
        "descent_losses": 330,
        "fit_curves": 285,
    }.items()
)
# No "<" in here: the sanitiser would drop the whole style sheet.
_STYLE = with_selectors(
    f"<style>:root {{ --growth: 0px; }} {_CHARTS} "
    f"@media (min-width: 901px) {{ :root {{ --growth: {_GROWTH}; }} }}"
    """
/* Its question, words and answers at the left, the figure at the right; on a phone the figure
   follows the question. */
[class*="st-key-layout_"] { gap: 1.25rem; }
[class*="st-key-layout_"] > * { min-width: 0; width: 100%; }
@media (min-width: 900px) {
  [class*="st-key-layout_"] { display: grid; grid-template-columns: 5fr 7fr;
    grid-template-rows: auto auto 1fr auto; column-gap: 2.5rem; align-items: start; }
  [class*="st-key-layout_"] > :nth-child(2) { grid-column: 2; grid-row: 1 / span 3; }
  [class*="st-key-layout_"] > :nth-child(4) { grid-row: 3 / span 2; }
  /* The chapters before and after stand below the figure. */
  [class*="st-key-layout_"] > :nth-child(5) { grid-column: 2; grid-row: 4; }
  [class*="st-key-figure_"] :is([class*="st-key-lesson_digit"], .st-key-bend, .st-key-start_name,
    .st-key-start_bend, .st-key-fit_name, [class*="st-key-conv_"]) :st(button_group):has(label) {
    display: flex; align-items: center; gap: 0.5rem; }
  [class*="st-key-conv_"] button { padding-left: 0.6rem; padding-right: 0.6rem; }
  /* A chapter fits a screen, and so do the contents: narrow margins, close lines. */
  :st(page):has(.st-key-neighbours) { padding: 4rem 2.8rem 0.5rem; }
  :st(page):has(.st-key-neighbours) > :st(stack) { gap: 0.5rem; }
  :st(page):has(.st-key-begin) { padding: 4rem 2.8rem 0.5rem; }
  [class*="st-key-head_"] h2 { padding: 0; margin: 0; }
  [class*="st-key-head_"] :st(words) { margin: 0; }
  [class*="st-key-layout_"] { row-gap: 0.5rem; }
  [class*="st-key-words_"], [class*="st-key-figure_"] { gap: 0.6rem; }
  [class*="st-key-words_"] :st(text) p,
  [class*="st-key-after_"] :st(text) p { line-height: 1.42; }
  [class*="st-key-words_"] :st(text) p { margin-bottom: 0.6rem; }
  [class*="st-key-layout_"] .katex-display { margin: 0.35rem 0; }
  [class*="st-key-after_"] { gap: 0.5rem; }
  [class*="st-key-question_"] { gap: 0.2rem; padding: 0.5rem 0.9rem; }
  [class*="st-key-question_"] :st(text) p { margin-bottom: 0.5rem; }
  [class*="st-key-question_"] [role="radiogroup"] { gap: 0.1rem; }
  [class*="st-key-question_"] :st(alert) { padding: 0.35rem 0.7rem; }
  [class*="st-key-question_"] :st(alert) p { font-size: 0.92rem; line-height: 1.35; }
  [class*="st-key-links_"] { flex-flow: row wrap; column-gap: 1.2rem; align-items: center; }
  [class*="st-key-links_"] > * { width: auto; }
  [class*="st-key-try_"] { margin-top: 0.2rem; }
}
@media (min-width: 900px) and (max-height: 820px) {
  :st(page):has(.st-key-neighbours) > :st(stack) { gap: 0.3rem; }
  .st-key-strip { padding-bottom: 0.15rem; }
  [class*="st-key-head_"] h2 { font-size: 1.4rem; }
  [class*="st-key-words_"] :st(text) p,
  [class*="st-key-after_"] :st(text) p { line-height: 1.36; }
  [class*="st-key-words_"] :st(text) p { margin-bottom: 0.45rem; }
  [class*="st-key-layout_"] .katex-display { margin: 0.15rem 0; }
  [class*="st-key-question_"] { padding: 0.35rem 0.9rem; }
  [class*="st-key-after_"], [class*="st-key-words_"], [class*="st-key-figure_"] { gap: 0.4rem; }
}
@media (min-width: 900px) and (max-width: 1699px) {
  [class*="st-key-words_"] :st(text) p,
  [class*="st-key-after_"] :st(text) p { font-size: 0.94rem; }
}

[class*="st-key-head_"] { gap: 0.2rem; }
[class*="st-key-head_"] p { margin: 0; font-size: 1.12rem; font-weight: 600;
  color: var(--quiet-text); }

/* Two parts of a figure stand side by side where both have room. */
[class*="st-key-beside_"] :st(row) { flex-wrap: wrap; }
[class*="st-key-beside_"] :st(column) { min-width: min(100%, 15.5rem); }
[class*="st-key-memory_"], .st-key-lesson_memory { position: absolute; width: 0; height: 0;
  overflow: hidden; }
[class*="st-key-try_"] { border-left: 4px solid rgba(45, 130, 220, 0.8);
  padding: 0.3rem 0 0.3rem 0.9rem; }
[class*="st-key-links_"] a { padding-left: 0; height: auto; }
[class*="st-key-links_"] a * { white-space: normal; }

/* The strip of chapters: the present one stands out, answered ones carry a line. */
.st-key-strip { border-bottom: 1px solid rgba(128, 140, 155, 0.35); padding-bottom: 0.4rem; }
.st-key-strip :st(page_link) { background: transparent;
  padding: 0.15rem 0.5rem; border-bottom: 3px solid transparent; border-radius: 0.4rem; }
.st-key-strip :st(page_link):hover {
  background: rgba(128, 140, 155, 0.18); }
.st-key-strip :st(page_link) p { font-weight: 400; }
.st-key-strip [class*="_now"] :st(page_link) {
  background: rgba(45, 130, 220, 0.2); }
.st-key-strip [class*="_now"] :st(page_link) p { font-weight: 700; }
.st-key-strip [class*="_done"] :st(page_link) {
  border-bottom-color: rgba(63, 163, 148, 0.9); border-radius: 0.4rem 0.4rem 0 0; }
@media (max-width: 639px) {
  :st(popover):has(.st-key-paper) { --paper-width: 15rem; }
  /* All ten digits in one row. */
  [class*="st-key-lesson_digit_choice"] { flex: 1 1 100%; }
  [class*="st-key-lesson_digit"] :is(:st(button_group), [role="radiogroup"]) { width: 100%;
    max-width: 100%; }
  [class*="st-key-lesson_digit"] [role="radiogroup"] { flex-wrap: nowrap; }
  [class*="st-key-lesson_digit"] [role="radiogroup"] button { flex: 1 1 0; min-width: 0;
    padding-left: 0.2rem; padding-right: 0.2rem; }
  [class*="st-key-layout_"] .katex-display > .katex { font-size: 1.05em; }
}
[class*="st-key-layout_"] .katex-display { overflow-x: auto; overflow-y: hidden;
  padding: 0.15rem 0; }
@media (max-width: 899px) {
  .st-key-strip { flex-wrap: wrap; }
  .st-key-strip :st(page_link) p span { position: absolute; width: 1px;
    height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .st-key-strip :st(page_link) { padding: 0.3rem 0.5rem; }
}

/* The first page: a network that reads what one draws beside the headline; cards of one height,
   three in a row, that are links as a whole. */
.st-key-hero h1 { padding: 0 0 0.4rem; line-height: 1.2; }
.st-key-live_digit { min-height: 15.5rem; --paper-width: 11.5rem; --diagram-width: 20rem; }
.st-key-live_digit :st(column) { position: relative; }
/* On empty paper; the pen goes through it. */
.st-key-paper_hint { position: absolute; top: 0; left: 0; width: min(100%, var(--paper-width));
  aspect-ratio: 1; display: grid; grid-template-columns: 100%; align-items: center;
  pointer-events: none; }
.st-key-paper_hint p { color: #56616f; text-align: center; }
:st(column):has(.st-key-sheet:active) .st-key-paper_hint { visibility: hidden; }
.st-key-player_home { position: absolute; bottom: 0; left: 0; width: auto; }
.st-key-live_digit .st-key-canvas { gap: 0.4rem; }
.st-key-card_grid { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr));
  grid-auto-rows: 1fr; gap: 0.7rem; }
.st-key-card_grid > * { min-width: 0; width: 100%; height: 100%; }
.st-key-card_grid [class*="st-key-card_"] { height: 100%; padding: 0.55rem 0.9rem; }
.st-key-cards { gap: 0.5rem; }
.st-key-cards h2 { padding: 0; font-size: 1.3rem; }
.st-key-card_head :st(page_link) { background: transparent; }
@media (max-width: 899px) {
  .st-key-card_grid { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media (max-width: 639px) {
  .st-key-card_grid { grid-template-columns: 1fr; grid-auto-rows: auto; }
}
[class*="st-key-card_"] { position: relative; transition: border-color 0.15s; }
[class*="st-key-card_"]:hover { border-color: rgba(45, 130, 220, 0.9); }
[class*="st-key-card_"] :st(page_link) { background: transparent;
  padding-left: 0; position: static; }
[class*="st-key-card_"] :st(page_link)::after { content: ""; position: absolute;
  inset: 0; border-radius: inherit; }
[class*="st-key-card_"] :st(page_link):hover { background: transparent; }
[class*="st-key-card_"]:has(.card-picture) p { padding-right: 7.6rem; }
[class*="st-key-card_"] :st(element):has(.card-picture) {
  position: absolute; right: 1rem; top: 50%; transform: translateY(-50%); width: auto;
  pointer-events: none; }
.card-picture { display: block; width: 110px; }
.st-key-begin :st(page_link) { background: var(--focus-ring); padding: 0.4rem 1.1rem; width: auto;
  display: inline-flex; }
.st-key-begin :st(page_link) * { color: light-dark(#ffffff, #0b1118) !important; }

@media print {
  /* Charts keep the width they have on the screen, and the browser shrinks the whole to the
     paper: the type is larger by that much. */
  html { font-size: 16px !important; }
  :st(app), :st(app) * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  :st(header), .st-key-strip, .st-key-neighbours, .st-key-print_note,
  [class*="st-key-links_"], :st(help), :st(button) { display: none !important; }
  .st-key-whole_lesson [class*="st-key-chapter_"]:not(.st-key-chapter_1),
  .st-key-print_glossary { break-before: page; }
  [class*="st-key-layout_"] { display: block !important; }
  [class*="st-key-layout_"] > * { margin-bottom: 1rem; }
  :st(element), :st(row),
  [class*="st-key-question_"] { break-inside: avoid; }
  .st-key-print_glossary :st(element) { break-inside: auto; }
}
</style>"""
)


# On paper a dark page turns light; pictures of digits stay as they are.
_DARK_ON_PAPER = with_selectors("""<style>
@media print {
  html, body { background: white !important; }
  :st(app) { background: black !important; filter: invert(1) hue-rotate(180deg); }
  :st(app) canvas, :st(app) img { filter: invert(1) hue-rotate(180deg); }
}
</style>""")


def style() -> None:
    """Put the style sheet into the page."""
    st.html(_STYLE)
    if st.context.theme.type == "dark":
        st.html(_DARK_ON_PAPER)
