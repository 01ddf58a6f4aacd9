"""The browser that measurements of pages drive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def new_browser() -> Iterator[Any]:
    """Playwright's headless Chromium. Raises SystemExit, with what to do, where there is none."""
    from playwright.sync_api import sync_playwright

    from tests.e2e.browser import ARGUMENTS, find_browser

    file = find_browser()
    if file is None:
        raise SystemExit("This measurement needs a browser: run “make browser”.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(file), args=list(ARGUMENTS))
        yield browser
        browser.close()
