"""Selectors of Streamlit's own elements, for style sheets and scripts of pages.

Streamlit promises a class for each key (`st-key-…`) and nothing else of its page; these names are
those of 1.67. Without them the page still works, but stands in Streamlit's own spacing.
"""

from __future__ import annotations

import re

SELECTORS = {
    "app": '[data-testid="stApp"]',
    "main": '[data-testid="stMain"]',
    "page": '[data-testid="stMainBlockContainer"]',
    "header": '[data-testid="stHeader"]',
    "sidebar": '[data-testid="stSidebar"]',
    "open_sidebar": '[data-testid="stExpandSidebarButton"]',
    "close_sidebar": '[data-testid="stSidebarCollapseButton"]',
    "wrapper": '[data-testid="stLayoutWrapper"]',
    "element": '[data-testid="stElementContainer"]',
    "row": '[data-testid="stHorizontalBlock"]',
    "column": '[data-testid="stColumn"]',
    "text": '[data-testid="stMarkdown"]',
    "words": '[data-testid="stMarkdownContainer"]',
    "icon": '[data-testid="stIconMaterial"]',
    "caption": '[data-testid="stCaptionContainer"]',
    "button_group": '[data-testid="stButtonGroup"]',
    "page_link": '[data-testid="stPageLink-NavLink"]',
    "popover_button": '[data-testid="stPopoverButton"]',
    "slider_ends": '[data-testid="stSliderTickBar"]',
    "stack": '[data-testid="stVerticalBlock"]',
    "popover": '[data-testid="stPopoverBody"]',
    "alert": '[data-testid="stAlertContainer"]',
    "progress": '[data-testid="stProgress"]',
    "stale": '[data-stale="true"]',
    "button": '[data-testid="stButton"]',
    "primary": '[data-testid^="stBaseButton-primary"]',
    "help": '[data-testid="stTooltipIcon"]',
    "tag": "[data-tag]",
    "folded_out": '[data-collapsed="false"]',
}


def with_selectors(source: str) -> str:
    """A style sheet or script in which `:st(name)` has become the selector of that name."""
    return re.sub(r":st\((\w+)\)", lambda found: SELECTORS[found[1]], source)
