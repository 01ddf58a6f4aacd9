"""Time to a page's first useful screen, and the cost of importing each module.

For each page a server is started afresh, and as soon as it answers, while it still imports what
pages need, a headless Chromium on the same machine opens the page. `answers` is from starting the
server until it answers, `cold` from opening the page until its content stands there, `warm` the
same for the second visitor, whose browser has nothing of it kept. In between, the browser opens an
app of one line, which says `x`: `empty` is what Streamlit itself takes. The import times are those
of a fresh interpreter each, medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pkgutil import walk_packages
from typing import Any

import mnist_core
from benchmarks._browser import new_browser
from benchmarks._server import new_server

SUMMARY = "from starting the server to each page on the screen; import time of each module"
# What shows that a page has come: its public container; after “>>”, what lies in a shadow root.
CONTENT = {
    "/": ".st-key-card_9 .card-picture",
    "/train": ".st-key-start_training",
    "/inspect": ".st-key-run_picker",
    "/draw": ".st-key-canvas * >> canvas",
    "/explore": "[data-testid=stTabs]",
}
# Notes when the first element that matches is on the screen, in milliseconds since the page was
# asked for. Looked at in the page, once a frame: from outside, every look takes its time.
WATCH = """(selector => {
  const [outer, inner] = selector.split(" >> ");
  const find = () => inner === undefined
    ? document.querySelector(outer)
    : [...document.querySelectorAll(outer)].find((element) => element.shadowRoot)
      ?.shadowRoot.querySelector(inner);
  const look = () => {
    const found = find();
    const there = found?.checkVisibility({ visibilityProperty: true }) && found.clientHeight;
    if (there) window.contentAt = performance.now();
    else requestAnimationFrame(look);
  };
  look();
})"""
EMPTY_APP, EMPTY_CONTENT = 'import streamlit as st\nst.write("x")\n', "[data-testid=stMarkdown]"
IMPORT = "import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--repeats", type=int, default=5, help="servers a page (%(default)s)")
    parser.add_argument("--page", choices=list(CONTENT), action="append", help="default: all")
    parser.add_argument("--no-imports", action="store_true", help="leave the import times out")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print a table and return the same figures in seconds."""
    pages: dict[str, Any] = {}
    with new_browser() as browser, new_server(script=EMPTY_APP) as empty:
        empty.start()
        for path in args.page or CONTENT:
            found = [
                (*_cold_and_warm(browser, path), _open(browser, empty.url, EMPTY_CONTENT))
                for _ in range(args.repeats)
            ]
            names = ("answers", "cold", "warm", "empty")
            pages[path] = {
                name: statistics.median(times)
                for name, times in zip(names, zip(*found, strict=True), strict=True)
            }
            words = "   ".join(f"{name} {value:5.2f} s" for name, value in pages[path].items())
            print(f"  {path:<9} {words}", flush=True)
    return {"pages": pages, "imports": {} if args.no_imports else _import_times()}


def _cold_and_warm(browser: Any, path: str) -> tuple[float, float, float]:
    with new_server() as server:
        began = time.perf_counter()
        server.start()
        answers = time.perf_counter() - began
        url, content = server.url + path, CONTENT[path]
        return answers, _open(browser, url, content), _open(browser, url, content)


def _open(browser: Any, url: str, content: str) -> float:
    """Seconds until the page's content is visible, in a browser context without a cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.add_init_script(f"{WATCH}({json.dumps(content)})")
        page.goto(url, wait_until="commit")
        milliseconds = page.wait_for_function("window.contentAt", timeout=120_000).json_value()
        return float(milliseconds) / 1000
    finally:
        context.close()


def _import_times(repeats: int = 3) -> dict[str, float]:
    """Seconds that importing each module of `mnist_core` takes, with all that it brings."""
    modules = walk_packages(mnist_core.__path__, "mnist_core.")
    names = ["mnist_core", *(module.name for module in modules if "__main__" not in module.name)]
    times = {}
    for name in names:
        command = [sys.executable, "-c", IMPORT.format(name=name)]
        found = [
            float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(repeats)
        ]
        times[name] = statistics.median(found)
    for name, seconds in sorted(times.items(), key=lambda item: -item[1]):
        print(f"  import {name:<36} {seconds:5.2f} s")
    return times
