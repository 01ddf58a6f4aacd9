"""Servers and a browser for many tests, a page for each; a picture of it when the test fails."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from mnist_core.storage.store import Store
from tests.e2e.browser import ARGUMENTS, find_light_browser
from tests.e2e.server import Server, running

# A secret besides, which is for nobody but the server.
PRIVATE = {"MNIST_LAB_STATUS_KEY": "hunter2"}
PUBLIC = {"MNIST_LAB_PUBLIC": "1"}

_FAILED = pytest.StashKey[bool]()

# A file runs in one process: what is long comes first and what is short last, so that all
# processes end at about the same time (pytest-xdist keeps this order with
# `--no-loadscope-reorder`).
_LONG = ("learn", "draw", "train_screen", "inspect", "studies", "accessibility", "train")
_SHORT = ("closed_doors", "files", "frame", "messages", "upstream")


def pytest_collection_modifyitems(items):
    for item in items:
        if "e2e" in Path(item.path).parts:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))
    items.sort(key=lambda item: _turn(item.path.stem.removeprefix("test_")))


def _turn(name: str) -> int:
    return (name in _SHORT) - (name in _LONG)


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


@pytest.fixture(scope="session")
def private_server(tmp_path_factory):
    """A lab of one's own, one for all tests of a process: they leave no run in training.

    To start a server and to load TensorFlow takes six seconds of a processor.
    """
    folder = tmp_path_factory.mktemp("private")
    with running(folder / "home", folder / "server.log", PRIVATE) as own:
        yield own


@pytest.fixture(scope="session")
def public_server(tmp_path_factory):
    """A shared lab, one for all tests of a process: each test's browser is another visitor."""
    folder = tmp_path_factory.mktemp("public")
    with running(folder / "home", folder / "server.log", PUBLIC) as own:
        yield own


@pytest.fixture
def own_server(home, tmp_path):
    """A lab for one test."""
    with running(home, tmp_path / "server.log") as own:
        yield own


@pytest.fixture
def server(request):
    """The server that `page` goes to: the public one, or what the mark `on` says.

    Most tests go to the public one on purpose: there no test sees what another has left.
    See `Server` for stop, kill and start. A test of a server that others use too fails when it
    leaves a run in training.
    """
    mark = request.node.get_closest_marker("on")
    name = mark.args[0] if mark else "public"
    found = request.getfixturevalue(f"{name}_server")
    if name == "own":
        yield found
        return
    if not found.alive():  # a test that failed may have left it so
        found.stop()
        found.start()
    yield found
    left = end_runs(found)
    assert not left, f"The test left these runs in training: {', '.join(left)}"


def end_runs(server: Server) -> list[str]:
    """End the runs that are in training or wait, with all that trains; returns their names."""
    store = Store(home=server.home)
    try:
        left = store.active_runs()
        if left:
            server.stop()
            for run in left:
                store.set_status(run.id, "stopped")
            server.start()
        return [run.name for run in left]
    finally:
        store.close()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, one for all tests."""
    from playwright.sync_api import sync_playwright

    found = find_light_browser()
    assert found is not None, "The tests need a browser: run “make browser”."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(found), headless=True, args=list(ARGUMENTS)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(request, browser, server, artifacts):
    """A fresh page of a new visitor's that cannot leave this machine (`browser.ARGUMENTS`).

    The visitor wants less motion: to draw what plays by itself takes half a processor. A test of
    what moves asks for motion.

    The test fails, whatever else it found, when the page shows a Streamlit exception or tried
    to fetch something from elsewhere.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
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
