"""Every page in light and dark: names for screen readers, contrast, and no sideways scrolling."""

from __future__ import annotations

import pytest

from mnist_core.storage.store import Store
from tests.e2e.helpers import (
    open_page,
    part,
    settle,
)
from tests.support.runs_in_store import ended_run

pytestmark = pytest.mark.on("private")

# Each page with the part that is drawn last, or nearly so.
PAGES = {
    "/": "card_9",
    "/?chapter=1": "question_1",
    "/train": "accuracy_chart",
    "/inspect": "feature_maps",
    "/draw": "network_menu",
    "/explore": "runs_table",
}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    # A formula that is wider than its column scrolls; browsers let the keyboard reach it by
    # themselves.
    "rules": {"scrollable-region-focusable": {"enabled": False}},
    "resultTypes": ["violations"],
}
# Those of `RULES` that look at colours: the rest is the same in both themes.
OF_COLOURS = RULES | {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "rules": {},
}

SWITCHED = """async (app, theme) => {
  while (getComputedStyle(app).colorScheme !== theme) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture
def server(server):
    """With a finished run, so that there are curves to look at."""
    store = Store(home=server.home)
    ended_run(store)
    store.close()
    return server


def faults(page, rules) -> list[str]:
    """What axe finds against WCAG 2.1 A and AA, a line an element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=rules).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for fault in found
        for node in fault["nodes"]
    ]


def drawn(page, address: str, key: str) -> None:
    open_page(page, address, key)
    part(page, "tools").wait_for(timeout=20_000)
    settle(page)


def faults_in_both_themes(page) -> list[str]:
    found = []
    for theme, rules in (("light", RULES), ("dark", OF_COLOURS)):
        page.emulate_media(color_scheme=theme)
        page.locator(".stApp").evaluate(SWITCHED, theme)
        settle(page)
        found += [f"{theme}: {fault}" for fault in faults(page, rules)]
    return found


def too_wide_for_a_phone(page) -> list[str]:
    size = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    beyond = page.locator('[data-testid="stMain"]').evaluate("(e) => e.scrollWidth - e.clientWidth")
    page.set_viewport_size(size)
    return [f"is {beyond} pixels too wide for a phone"] if beyond > 0 else []


def test_names_contrast_and_width(server, page):
    """One server and one visit a page for all of it."""
    wrong = []
    for path, key in PAGES.items():
        drawn(page, server.url + path, key)
        wrong += [f"{path} in {fault}" for fault in faults_in_both_themes(page)]
        wrong += [f"{path} {fault}" for fault in too_wide_for_a_phone(page)]
    part(page, "help").locator("button").first.click()
    page.get_by_text("How do I compare runs?").wait_for()
    wrong += [f"Help in {fault}" for fault in faults_in_both_themes(page)]
    assert not wrong, "\n".join(wrong)
