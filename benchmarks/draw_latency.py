"""Time from lifting the pen to the digit on the screen.

Starts the app as a person would, draws digits of all ten kinds with the mouse in a headless
Chromium on the same machine, and takes the time in the browser itself: from the moment the mouse
button goes up until the frame that shows the new number has been painted. The network that ships
with the app reads. Browser and server share the machine's cores, so that the figures are an
upper bound for a server that has them to itself.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from benchmarks._browser import new_browser
from benchmarks._digits import DIGITS
from benchmarks._server import new_server

SUMMARY = "from lifting the mouse to the digit on screen, in a real browser"

# Notes when the mouse button goes up on the paper, and when another number is on the screen.
WATCH = """() => {
  window.latencies = [];
  let lifted = 0, shown = "";
  window.addEventListener("pointerup", (event) => {
    if (event.composedPath()[0].tagName === "CANVAS") lifted = performance.now();
  }, true);
  new MutationObserver(() => {
    const text = document.querySelector(".st-key-prediction")?.innerText.trim() ?? "";
    if (text === shown) return;
    shown = text;
    if (!/^\\d$/.test(text) || !lifted) return;
    const start = lifted;
    lifted = 0;
    requestAnimationFrame(() => setTimeout(() => latencies.push(performance.now() - start)));
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--drawings", type=int, default=100, help="how many (%(default)s)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Draw, print the percentiles and return them in milliseconds."""
    with new_browser() as browser, new_server() as server:
        server.start()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        times = draw_and_measure(page, server.url, args.drawings)
    return report(times)


def draw_and_measure(page: Any, url: str, drawings: int) -> list[float]:
    """Milliseconds for every stroke that brought another number on the screen."""
    from tests.e2e.helpers import digit_read, draw, open_page, press, wait_for_digit, wait_until

    def clear() -> None:
        press(page, "clear_canvas")
        wait_until(lambda: digit_read(page) is None, 20, "The paper was not cleared")

    open_page(page, f"{url}/draw", "canvas")
    for digit in (1, 7):  # the first reading waits for TensorFlow
        draw(page, *DIGITS[digit])
        wait_for_digit(page, digit, 90)
        clear()
    page.evaluate(WATCH)
    for number in range(drawings):
        digit = number % 10
        draw(page, *DIGITS[digit])
        wait_for_digit(page, digit, 20)
        page.wait_for_timeout(300)  # as a person looks at the answer
        clear()
    return [float(time) for time in page.evaluate("latencies")]


def report(times: list[float]) -> dict[str, Any]:
    """The percentiles, printed and returned."""
    ordered = sorted(times)
    result = {
        "strokes": len(times),
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max_ms": round(ordered[-1], 1),
    }
    print(
        f"{result['strokes']} strokes that changed the number: from mouse-up to the screen "
        f"p50 {result['p50_ms']:.0f} ms, p95 {result['p95_ms']:.0f} ms, "
        f"longest {result['max_ms']:.0f} ms"
    )
    return result
