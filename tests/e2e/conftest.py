"""A server, a browser and a page for each test; a picture of the page when the test fails."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.e2e.browser import ARGUMENTS, find_browser
from tests.e2e.server import running

_FAILED = pytest.StashKey[bool]()

# A file runs in one process: what is short comes last, so that all processes end at about the
# same time (pytest-xdist keeps this order with `--no-loadscope-reorder`).
_SHORT = ("closed_doors", "sign_in", "firefox", "messages", "frame", "server_start", "upstream")


def pytest_collection_modifyitems(items):
    for item in items:
        if "e2e" in Path(item.path).parts:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") in _SHORT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def artifacts():
    """Where pictures of failures go: MNIST_LAB_ARTIFACTS, or a temporary folder."""
    folder = Path(os.environ.get("MNIST_LAB_ARTIFACTS") or tempfile.mkdtemp(prefix="mnist-lab-"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def server(home, tmp_path):
    """A running server with a home of its own; see `Server` for stop, kill and start."""
    with running(home, tmp_path / "server.log") as own:
        yield own


@pytest.fixture
def public_server(home, tmp_path):
    """A shared server, whose visitors see only what is theirs; a file takes it as its `server`."""
    with running(home, tmp_path / "server.log", {"MNIST_LAB_PUBLIC": "1"}) as own:
        yield own


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for all tests of a file.

    A file whose tests leave nothing behind takes it as its `server`: to start one and to load
    TensorFlow takes seconds.
    """
    folder = tmp_path_factory.mktemp("shared")
    with running(folder / "home", folder / "server.log") as own:
        yield own


@pytest.fixture(scope="module")
def shared_public_server(tmp_path_factory):
    """A `public_server` for all tests of a file; each test's browser is another visitor."""
    folder = tmp_path_factory.mktemp("public")
    with running(folder / "home", folder / "server.log", {"MNIST_LAB_PUBLIC": "1"}) as own:
        yield own


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, one for all tests."""
    from playwright.sync_api import sync_playwright

    found = find_browser()
    assert found is not None, "The tests need a browser: run “make browser”."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(found), headless=True, args=list(ARGUMENTS)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(request, browser, server, artifacts):
    """A fresh page that cannot leave this machine (`browser.ARGUMENTS`).

    The test fails, whatever else it found, when the page shows a Streamlit exception or tried
    to fetch something from elsewhere.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    elsewhere: list[str] = []

    def note(request):
        if not request.url.startswith((server.url, "http://localhost:", "data:", "blob:")):
            elsewhere.append(request.url)

    # Not `route`, which halts each request until it has been asked, and turns the cache off.
    context.on("request", note)
    page = context.new_page()
    yield page
    failed = request.node.stash.get(_FAILED, True)
    exceptions = page.locator('[data-testid="stException"]').all_inner_texts()
    if failed or exceptions:
        picture = artifacts / f"{request.node.name}.png"
        page.screenshot(path=picture, full_page=True)
        print(f"The page as it was: {picture}\nThe server's log:\n{server.log_text()}")
    context.close()
    assert not exceptions, f"The page shows an exception:\n{exceptions[0]}"
    assert not elsewhere, f"The page tried to fetch from elsewhere: {sorted(set(elsewhere))}"
