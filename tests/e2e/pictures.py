"""The pictures of the pages in README.md: `python -m tests.e2e.pictures` (or `make screenshots`).

A server of its own trains two networks; a browser goes from page to page. About a minute.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks._digits import DIGITS
from mnist_core.base.paths import REPOSITORY
from tests.e2e.browser import ARGUMENTS, find_browser
from tests.e2e.helpers import draw, open_page, part, press, wait_for_digit, wait_for_status
from tests.e2e.server import Server

FOLDER = REPOSITORY / "docs" / "pictures"
WINDOW = {"width": 1280, "height": 860}
# Drawn at twice the size, kept at this width: letters stay readable in README's narrow columns.
SCALE, WIDTH, QUALITY = 2, 1600, 82
# For what moves after all is there: charts that grow, popovers that fade.
SETTLE_MS = 1500


def learn(page: Any, url: str) -> None:
    open_page(page, f"{url}/", "begin")


def train(page: Any, url: str) -> None:
    for preset in ("two-layer", "cnn"):
        open_page(page, f"{url}/train?preset={preset}", "start_training")
        press(page, "start_training")
        wait_for_status(page, "running", timeout=60)
        wait_for_status(page, "finished", timeout=400)
    show(page, "training_status", above=90)


def inspect(page: Any, url: str) -> None:
    open_page(page, f"{url}/inspect", "moment")
    part(page, "feature_maps").locator("canvas").nth(1).wait_for(timeout=60_000)


def draw_digit(page: Any, url: str) -> None:
    open_page(page, f"{url}/draw", "canvas")
    draw(page, *DIGITS[4])
    wait_for_digit(page, 4, 90)


def explore(page: Any, url: str) -> None:
    open_page(page, f"{url}/explore", "explore_views")
    table = page.get_by_test_id("stDataFrame").first
    table.wait_for(timeout=30_000)
    page.wait_for_timeout(SETTLE_MS)
    for y in (60, 95):  # the boxes of the first two rows: the table is one canvas
        table.click(position={"x": 15, "y": y})
        page.wait_for_timeout(SETTLE_MS)
    part(page, "chosen_loss").locator(".js-plotly-plot").wait_for(timeout=30_000)
    page.mouse.move(1, 1)


def show(page: Any, name: str, above: int) -> None:
    """Scroll until the part is so many pixels below the window's top."""
    part(page, name).evaluate(
        "(part, above) => { part.style.scrollMarginTop = above + 'px';"
        " part.scrollIntoView({behavior: 'instant'}); }",
        above,
    )


PAGES: dict[str, Callable[[Any, str], None]] = {
    "learn": learn,
    "train": train,
    "draw": draw_digit,
    "inspect": inspect,
    "explore": explore,
}


def save(name: str, png: bytes) -> int:
    """Write docs/pictures/NAME.webp; returns its bytes."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    file = FOLDER / f"{name}.webp"
    small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.save(file, "WEBP", quality=QUALITY, method=6)
    return file.stat().st_size


def main() -> int:
    """Take them all, or those that are named."""
    wanted = sys.argv[1:] or list(PAGES)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder), Path(folder) / "log")
        browser = playwright.chromium.launch(
            executable_path=str(find_browser()), args=list(ARGUMENTS)
        )
        try:
            server.start()
            page = browser.new_page(viewport=WINDOW, device_scale_factor=SCALE)
            for name in wanted:
                PAGES[name](page, server.url)
                page.wait_for_timeout(SETTLE_MS)
                print(f"{name}: {save(name, page.screenshot()):,} bytes")
        finally:
            browser.close()
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
