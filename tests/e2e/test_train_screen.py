"""Train's first screen: all that is watched stands there, nothing moves it, a press is one run."""

from __future__ import annotations

import pytest

from mnist_core.storage.store import Store
from tests.e2e.helpers import (
    last_step,
    open_page,
    part,
    press,
    settle,
    step_told,
    wait_for_status,
    wait_until,
    wait_until_still,
)

LONG = "preset=cnn&epochs=50"
LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
CHARTS = ("loss_chart", "accuracy_chart")


def box(page, name: str) -> dict[str, float]:
    """Where a part stands in the window: x, y, width and height in pixels."""
    found = part(page, name).bounding_box()
    assert found, f"{name} is not on the page"
    return found


def train(page, server, query: str) -> None:
    """Start a run and wait for its first points and its live view."""
    open_page(page, f"{server.url}/train?{query}", "start_training")
    press(page, "start_training")
    wait_for_status(page, "running", timeout=90)
    wait_until(lambda: last_step(page), 60, "No curve appeared")
    wait_until(lambda: live_step(page) is not None, 30, "The network does not come alive")


def live_step(page) -> int | None:
    """The step whose frame the live view shows."""
    said = part(page, "live_network").locator(".live").get_attribute("data-step", timeout=2000)
    return None if said is None else int(said)


def all_is_drawn(page) -> bool:
    """Whether both charts and the live view show something: only then are they as high as ever."""
    return all(last_step(page, name) for name in CHARTS) and live_step(page) is not None


def stop(page) -> None:
    press(page, "stop_training")
    wait_for_status(page, "stopped", timeout=30)


@pytest.mark.on("private")  # as it is at home; a public lab has a note more
@pytest.mark.parametrize("projector", [False, True])
def test_all_that_is_watched_stands_on_the_first_screen(server, page, projector):
    page.set_viewport_size(LAPTOP)
    train(page, server, LONG + ("&projector=1" if projector else ""))
    for width, height in ((1366, 768), (1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        if not projector:
            page.reload()
            wait_until(lambda: all_is_drawn(page), 30, "Not all is there after the reload")
        loss, accuracy = (box(page, name) for name in CHARTS)
        bar = box(page, "run_bar")
        assert bar["y"] + bar["height"] <= loss["y"] + 1
        assert loss["y"] == pytest.approx(accuracy["y"], abs=1)
        assert loss["x"] + loss["width"] <= accuracy["x"]
        for chart in (loss, accuracy):
            assert chart["y"] + chart["height"] <= height and chart["height"] >= 240
        if not projector:
            network = box(page, "live_network")
            assert network["y"] + network["height"] <= height + 12, (width, height, network)
    stop(page)
    if projector:
        press(page, "projector")


def test_advice_moves_nothing(server, page):
    page.set_viewport_size(LAPTOP)
    train(page, server, "preset=too-fast&epochs=50")
    before = [box(page, name) for name in (*CHARTS, "live_network", "run_bar")]
    part(page, "take_advice").wait_for(timeout=60_000)
    assert [box(page, name) for name in (*CHARTS, "live_network", "run_bar")] == before
    stop(page)


def test_on_a_phone_start_brings_the_curves_and_stop_stays_in_reach(server, page):
    page.set_viewport_size(PHONE)
    train(page, server, LONG)
    loss = box(page, "loss_chart")
    assert loss["y"] > 0 and loss["y"] + loss["height"] <= PHONE["height"]
    page.mouse.move(200, 600)
    page.mouse.wheel(0, 700)
    wait_until(lambda: box(page, "loss_chart")["y"] < 0, 10, "The page does not scroll")
    for name in ("pause_training", "stop_training"):
        place = box(page, name)
        assert place["y"] >= 0 and place["y"] + place["height"] < 260
    stop(page)


def test_the_network_lives_stands_still_and_can_be_looked_into(server, page):
    page.set_viewport_size(LAPTOP)
    page.emulate_media(reduced_motion="no-preference")
    train(page, server, LONG)
    seen: set[int] = set()

    def look() -> bool:
        seen.add(live_step(page) or 0)
        return len(seen) > 4

    wait_until(look, 30, "The network stands still")
    network = part(page, "live_network")
    network.get_by_role("button", name="Gradients").click()
    now = max(seen)
    wait_until(lambda: (live_step(page) or 0) > now, 20, "No gradients came")

    press(page, "pause_training")
    wait_for_status(page, "paused", timeout=20)
    wait_until_still(lambda: live_step(page), 20, "A paused network goes on changing")
    held = step_told(page)
    network.get_by_role("button", name="Next image").click()
    about = network.locator(".about")
    wait_until(lambda: "image 1," in about.inner_text(), 20, "The next image did not come")
    # The last checkpoint stands in until the worker has made its frame.
    wait_until(lambda: live_step(page) == held, 20, "The next image is of another step")
    press(page, "stop_training")
    wait_for_status(page, "stopped", timeout=20)
    network.get_by_role("button", name="Look inside").click()
    page.get_by_role("heading", name="Look inside").wait_for(timeout=30_000)
    part(page, "network_strip").get_by_text("Test image 1").wait_for(timeout=60_000)


@pytest.mark.on("own")
def test_one_press_is_one_run_while_another_trains_and_one_is_paused(server, page):
    train(page, server, LONG)
    # A server's very first visitor may come by a link to a page: the app must be whole for them.
    assert page.get_by_role("link", name="Draw", exact=True).count(), "The navigation is missing"
    press(page, "pause_training")
    wait_for_status(page, "paused", timeout=20)
    store = Store(home=server.home)
    try:
        before = len(store.runs(limit=1000))
        button = part(page, "start_training").locator("button")
        for count in range(1, 16):
            button.click()
            wait_until(lambda n=count: len(store.runs(limit=1000)) >= before + n, 20, "No run")
        settle(page)  # a second run of the last press would have come by then
        assert len(store.runs(limit=1000)) == before + 15
    finally:
        store.close()
