"""The bar beside the navigation on every page: the tour, help, and projector mode."""

from __future__ import annotations

import streamlit as st

from pages.frame import projector
from pages.frame.help import help_popover
from pages.streamlit_compat.selectors import with_selectors

# In the header's free space where that is wide enough: it pushes nothing off the first screen.
# Narrower, the tour lies at the foot of the window.
_STYLE = with_selectors("""<style>
:st(wrapper):has(> .st-key-topbar),
:st(wrapper):has(> [class*="st-key-remember_"]),
:st(wrapper):has(> .st-key-tour_place):not(:has([role="alert"])) {
  position: absolute; width: 0; height: 0; }
.st-key-tools { position: fixed; top: 0; right: 0.6rem; height: 3.75rem; width: auto;
  flex-wrap: nowrap; z-index: 999991; }
/* Icons alone, as layout.py has it. */
.st-key-tools :st(popover_button) > div > [aria-hidden] { display: none; }
.st-key-tools button { min-width: 2.5rem; min-height: 2.5rem; padding: 0; }
.st-key-tour :st(words) { margin: 0; }
.st-key-tour { position: fixed; z-index: 999991; flex-wrap: nowrap; width: auto; }
[class*="st-key-tour_"][class*="_behind"] p, [class*="st-key-tour_"][class*="_ahead"] p,
.st-key-tour_now p { white-space: nowrap; margin: 0; font-size: 0.9rem; }
[class*="st-key-tour_"][class*="_behind"], [class*="st-key-tour_"][class*="_ahead"] {
  color: var(--quiet-text); }
.st-key-tour_now { padding: 0.35rem 0.8rem; border-radius: 0.6rem;
  background: rgba(45, 130, 220, 0.2); }
.st-key-tour_now p { font-weight: 600; }
.st-key-tour button p { white-space: nowrap; }
.st-key-tour button { min-height: 2.3rem; padding-top: 0.2rem; padding-bottom: 0.2rem; }
@media (min-width: 1200px) {
  .st-key-tour { top: 0; right: 7.2rem; height: 3.75rem; }
}
@media (max-width: 1199px) {
  .st-key-tour { bottom: 0; left: 0; right: 0; padding: 0.6rem 1rem; justify-content: center;
    background: var(--raised-ground); border-top: 1px solid rgba(128, 140, 155, 0.35); }
  :st(page) { padding-bottom: 5.5rem; }
}
@media (max-width: 768px) {
  :st(open_sidebar) { width: auto !important; gap: 0.3rem; }
  :st(open_sidebar)::after { content: "Menu"; font-size: 1rem; }
}
@media (max-width: 639px) {
  .st-key-projector { display: none; }
  :st(page):has(.st-key-tour) { padding-bottom: 7.5rem; } /* the tour has two rows */
  .st-key-tour { flex-wrap: wrap; gap: 0.3rem 0.7rem; padding: 0.45rem 0.6rem; }
  [class*="st-key-tour_"][class*="_behind"] p, [class*="st-key-tour_"][class*="_ahead"] p,
  .st-key-tour_now p, .st-key-tour button p { font-size: 0.82rem; }
  .st-key-tour button { min-height: 2rem; padding: 0.1rem 0.5rem; }
}
@media print { .st-key-tools, .st-key-tour { display: none !important; } }
</style>""")


# On a phone Streamlit's navigation lies over the page, and stays there after a choice.
_FOLD_JS = with_selectors("""
let shown;
export default function ({ data }) {
  if (data.page === shown) return;
  shown = data.page;
  const open = ':st(sidebar):st(folded_out)';
  if (matchMedia("(max-width: 768px)").matches) {
    document.querySelector(`${open} :st(close_sidebar) button`)?.click();
  }
}
""")


def style() -> None:
    """The style sheet of what is fixed in the window."""
    st.html(_STYLE)
    projector.style()


def tools(page: str) -> None:
    """Help and projector mode, for the page at this path."""
    with st.container(key="tools", horizontal=True, vertical_alignment="center", gap="xsmall"):
        help_popover(page, _tour_again)
        projector.button()
    fold = st.components.v2.component("mnist_lab.fold_menu", js=_FOLD_JS)
    fold(key="fold_menu", data={"page": page})


def _tour_again() -> None:
    from pages.frame import tour  # with the engine and the store, which the bar can do without

    tour.begin()
