"""The look of the page Train: all that is watched stands on one screen, and nothing moves it."""

from __future__ import annotations

import streamlit as st

from mnist_core.experiment.layers import LAYERS
from mnist_core.figures.architecture import COLOURS
from pages.streamlit_compat.selectors import with_selectors

# Each layer's chip has the colour of its kind in the network's picture.
_CHIP_COLOURS = "\n".join(
    f'[class*="st-key-chip-{kind}-"] {{ --kind: {COLOURS[layer.colour]}; }}'
    for kind, layer in LAYERS.items()
)
_STYLE = with_selectors(
    f"<style>\n{_CHIP_COLOURS}"
    """
:st(page) { padding-top: 4.4rem; }
:st(page) > :st(stack) { gap: 0.55rem; }
.st-key-watch, .st-key-watch > div > :st(stack) { gap: 0.45rem; }
.st-key-compose { flex-wrap: nowrap; gap: 0.5rem; }
.st-key-compose > * { flex: none; }
.st-key-compose > :st(wrapper):has(> .st-key-layers) { flex: 0 1 auto; width: auto;
  min-width: 0; }
.st-key-compose > :is(.st-key-training_popover, :has(> .st-key-training_popover)) {
  margin-left: auto; }
.st-key-compose > :has(.st-key-queue_panel) { flex: none; width: auto; }
:st(popover) [class*="st-key-queued_"] > :st(element):first-child { flex: 1 1 auto; min-width: 0; }
@media (min-width: 641px) { :st(popover) [class*="st-key-queued_"] { flex-wrap: nowrap; } }
/* The layers as a row of chips. */
.st-key-layers { flex-wrap: nowrap; gap: 1rem; overflow-x: auto; scrollbar-width: thin;
  padding: 3px; align-items: center; }
.st-key-layers > * { flex: none; position: relative; }
.st-key-layers > *:not(:first-child)::before { content: "→"; position: absolute; left: -0.88rem;
  font-size: 0.75rem; top: 50%; transform: translateY(-50%); color: var(--quiet-text); }
.st-key-layers button { min-height: 2.2rem; padding: 0.1rem 0.55rem 0.1rem 0.45rem; }
.st-key-layers button p { font-size: 0.86rem; white-space: nowrap; }
[class*="st-key-chip-"] :st(popover_button) > div > [aria-hidden] { display: none; }
[class*="st-key-chip-"] button { border-left: 4px solid var(--kind, #7f8894); }
[class*="st-key-chip-"][class*="-wrong"] button { border-color: #c2182f; color: #c2182f; }
:st(popover):has(.st-key-training_settings) { width: min(30rem, 94vw); }
:st(popover):has(.st-key-whole_network) { width: min(62rem, 94vw); }
/* What comes and goes has this one place, as high with it as without. */
:st(app) [class*="st-key-note_"] { height: var(--note); min-height: var(--note);
  max-height: var(--note); overflow: hidden auto; flex-wrap: nowrap; gap: 0.6rem; --note: 2.3rem; }
:st(app) .st-key-advice { flex-wrap: nowrap; gap: 0.6rem; }
.st-key-advice :st(words) { margin: 0; }
.st-key-advice > :st(element):not(:has(button)) { flex: 0 1 auto; min-width: 0; }
:st(wrapper):has(> [class*="st-key-note_"]) { flex: none; }
[class*="st-key-note_"] :st(alert) { padding: 0.3rem 0.7rem; min-height: 0; }
[class*="st-key-note_"] :st(words) p { font-size: 0.92rem;
  line-height: 1.28; margin: 0; }
[class*="st-key-note_"] button { min-height: 2.1rem; padding: 0.1rem 0.7rem; white-space: nowrap; }
[class*="st-key-note_"] :st(element):has(button) { flex: none; width: auto; }
.st-key-preset input, .st-key-run_picker input { text-overflow: ellipsis; }
.st-key-run_bar { flex-wrap: nowrap; gap: 0.5rem; }
.st-key-run_bar .st-key-training_status { gap: 0.45rem; }
.st-key-training_status p { margin: 0; line-height: 1.3; font-size: 0.97rem;
  font-variant-numeric: tabular-nums; }
@media (min-width: 901px) {
  .st-key-training_status p { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
}
.st-key-training_status :st(progress) { margin: 0; }
.st-key-training_status :st(progress) > div { margin: 0; }
.st-key-run_bar button { padding-left: 0.6rem; padding-right: 0.6rem; }
.st-key-run_bar button p { white-space: nowrap; }
.st-key-charts :st(column) { position: relative; }
/* A chart takes its room before it is drawn. */
.st-key-loss_chart, .st-key-accuracy_chart { min-height: 232px; }
:st(wrapper):has(> [class*="st-key-axis_"]) { position: absolute; right: 0;
  top: -2px; width: auto; z-index: 3; }
[class*="st-key-axis_"] [role="group"], [class*="st-key-axis_"] [role="radiogroup"] {
  flex-wrap: nowrap; min-width: 6.4rem; }
[class*="st-key-axis_"] button { min-height: 1.6rem; padding: 0 0.5rem; }
[class*="st-key-axis_"] button p { font-size: 0.8rem; }
/* What is watched does not fade while the page is drawn anew. */
.st-key-watch :st(stale) { opacity: 1 !important; transition: none !important; }
@media (min-width: 901px) and (max-width: 1400px) {
  .st-key-preset, .st-key-compose > :st(wrapper):has(> .st-key-preset) { width: 10rem !important; }
  .st-key-layers { gap: 0.85rem; }
}
@media (max-width: 900px) {
  .st-key-charts { margin-top: 0.7rem; }
  .st-key-compose, .st-key-run_bar { flex-wrap: wrap; }
  .st-key-compose > :st(wrapper):has(> .st-key-preset),
  .st-key-run_bar > :st(wrapper):has(> .st-key-run_picker),
  .st-key-run_bar > :st(wrapper):has(> .st-key-training_status) {
    flex: 1 1 100%; width: 100%; }
  .st-key-preset, .st-key-run_picker { width: 100% !important; }
  .st-key-compose .st-key-start_training { flex: 1 1 auto; }
  .st-key-compose .st-key-start_training button { width: 100%; }
  .st-key-training_status p { font-size: 0.9rem; }
  .st-key-compose > :st(wrapper):has(> .st-key-layers) { flex: 1 1 calc(100% - 5rem);
    order: 5; }
  .st-key-compose > :is(.st-key-icon-add_layer, :has(> .st-key-icon-add_layer)) { order: 6; }
  .st-key-compose > :is(.st-key-training_popover, :has(> .st-key-training_popover)) {
    margin-left: 0; }
  .st-key-run_bar button { padding-left: 0.4rem; padding-right: 0.4rem; }
  .st-key-run_bar button p { font-size: 0.84rem; }
  :st(app) [class*="st-key-note_"] { --note: 4.9rem; }
  :st(app) .st-key-advice :st(words) p { font-size: 0.78rem; line-height: 1.2; }
  :st(app) .st-key-advice :st(element):has(button) { flex: 0 0 8.6rem; }
  :st(app) .st-key-advice button { white-space: normal; height: auto; }
  :st(app) .st-key-advice button * { white-space: normal; font-size: 0.78rem; line-height: 1.15; }
  /* The bar is to stick beyond the refreshed part that holds it, which ends with the charts. */
  .st-key-watch > :st(wrapper):has(.st-key-run_bar),
  .st-key-watch > :st(wrapper) > :st(stack):has(> :st(wrapper) > .st-key-run_bar) {
    display: contents; }
  /* Status, Pause and Stop stay in reach while the page is scrolled; the menu of runs goes. */
  :st(wrapper):has(> .st-key-run_bar) { position: sticky; top: 0.8rem;
    z-index: 99; background: light-dark(#ffffff, #12161c); padding: 0.2rem 0 0.4rem;
    box-shadow: 0 6px 8px -8px rgba(0, 0, 0, 0.4); scroll-margin-top: 4rem; }
}
</style>"""
)


def style() -> None:
    """Put the style sheet into the page."""
    st.html(_STYLE)
