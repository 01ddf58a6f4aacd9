"""Two strangers on a shared server: each sees only their own runs, and waits their turn."""

from __future__ import annotations

import re

import pytest

from mnist_core.storage.store import Store
from tests.e2e.helpers import (
    last_step,
    message,
    open_page,
    part,
    press,
    settle,
    status,
    token,
    wait_for_status,
    wait_until,
)

QUERY = "preset=two-layer&epochs=40&batch_size=8&name="


@pytest.fixture
def stranger(browser, page):
    """A page of another browser: it shares nothing with `page`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def chosen_run(page) -> str:
    return str(part(page, "run_picker").locator("input").first.input_value(timeout=20_000))


def test_two_visitors_see_only_their_own_and_take_turns(server, page, stranger):
    open_page(page, f"{server.url}/train?{QUERY}hers", "start_training")
    press(page, "start_training")
    wait_for_status(page, "running", timeout=60)
    wait_until(lambda: last_step(page), 60, "No curve appeared")
    mine = wait_until(lambda: token(page), 10, "No cookie keeps the visitor's token")
    assert len(mine) == 43 and mine not in page.evaluate("location.href")

    # A second start of the same visitor is refused with a sentence.
    press(page, "start_training")
    wait_until(
        lambda: "one network at a time" in message(page), 20, "The second start came through"
    )
    assert status(page) == "running"

    # Another visitor's run waits, and says where it stands.
    open_page(stranger, f"{server.url}/train?{QUERY}his", "start_training")
    settle(stranger)
    assert not part(stranger, "run_picker").count(), "A stranger sees a run that is not theirs"
    press(stranger, "start_training")
    wait_for_status(stranger, "queued", timeout=30)
    place = part(stranger, "training_status")
    wait_until(
        lambda: re.search(r"queued\W+1 run ahead", place.inner_text()),
        20,
        "The queue's place is not shown",
    )
    assert token(stranger) not in ("", mine)

    # The address of a run opens it only for its visitor.
    open_page(page, f"{server.url}/inspect", "moment")
    link = wait_for_link(page)
    assert mine not in link
    open_page(stranger, link, "run_picker")
    stranger.get_by_text("That run is no longer here").wait_for(timeout=30_000)
    assert "hers" not in stranger.locator("body").inner_text()
    assert "hers" in chosen_run(page)

    # The token outlives the page, and the server, as the run's curve does.
    page.reload()
    part(page, "moment").wait_for(timeout=60_000)
    assert token(page) == mine and "hers" in chosen_run(page)
    reached = trained(server)
    server.stop()
    server.start()
    open_page(page, f"{server.url}/train", "run_picker")
    assert token(page) == mine and "hers" in chosen_run(page)
    wait_for_status(page, "stopped", timeout=30)
    wait_until(lambda: last_step(page) >= reached, 30, "The run's curve is gone after a restart")


def trained(server) -> int:
    """The steps taken so far by the one run that trains."""
    store = Store(home=server.home)
    try:
        (run,) = [run for run in store.active_runs() if run.status == "running"]
        return run.step
    finally:
        store.close()


def wait_for_link(page) -> str:
    """The address of what Look inside shows."""

    def link() -> str:
        here = str(page.evaluate("location.href"))
        return here if "run=" in here else ""

    return str(wait_until(link, 60, "Look inside has no address"))
