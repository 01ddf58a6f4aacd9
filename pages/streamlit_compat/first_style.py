"""A rule that keeps a page unseen until its style sheet has come.

Written for Streamlit 1.67. Its browser part fetches the script that puts `st.html` into a page only
when the first one is due, while containers and widgets are drawn at once: at a first visit they lay
unstyled, one below the other, for a moment. A rule in the head of the page that Streamlit serves
hides the page's block; the app's style sheet (`widgets/layout.py`), which comes in such an
`st.html`, lifts it. Should that never come, the block is shown after `LONGEST_SECONDS`: the rule is
an animation, which ends by itself. Can go once Streamlit draws `st.html` with the rest
(`test_streamlit_still_fetches_the_script_of_html_when_it_is_due`).
"""

from __future__ import annotations

from pages.streamlit_compat.selectors import with_selectors

LONGEST_SECONDS = 10
LIFTED = with_selectors(":st(page) { animation: none; }")
RULE = with_selectors(
    "<style>@keyframes unstyled { from, to { visibility: hidden; } }"
    f" :st(page) {{ animation: unstyled {LONGEST_SECONDS}s; }}</style>"
)
