"""The first minute: from the first page to one's own digit, read by the network just trained."""

from __future__ import annotations

import time

from benchmarks._digits import DIGITS
from tests.e2e.helpers import (
    draw,
    end_training,
    inked,
    open_page,
    part,
    press,
    settle,
    wait_for_digit,
    wait_for_status,
    wait_until,
)


def step(page, name: str):
    """The tour's button for this step, once it is the one to take."""
    button = part(page, f"tour_{name}").locator("button")
    button.wait_for(timeout=90_000)
    return button


def cookies(page) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}


def chosen(page, key: str) -> str:
    """What the menu with this key shows."""
    return str(part(page, key).locator("input").first.input_value())


def test_the_tour_can_be_skipped_and_asked_for_again(server, page):
    open_page(page, server.url, "tour_skip")
    press(page, "tour_skip")
    part(page, "tour").wait_for(state="detached", timeout=20_000)
    wait_until(lambda: cookies(page).get("mnist_lab_tour") == "closed", 20, "It was not kept")
    open_page(page, f"{server.url}/train", "start_training")
    settle(page)
    assert not part(page, "tour").count()
    press(page, "help")
    press(page, "tour_again")
    step(page, "train")


def test_a_link_turns_projector_mode_on_for_all_pages(server, page):
    def size():
        return page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")

    open_page(page, f"{server.url}/train?projector=1&preset=cnn", "start_training")
    wait_until(lambda: size() >= 19, 20, "The type is no larger")
    assert not part(page, "layers").count()
    page.get_by_role("link", name="Draw", exact=True).click()
    part(page, "canvas").wait_for()
    assert size() >= 19
    open_page(page, f"{server.url}/train", "start_training")  # the browser remembers it
    wait_until(lambda: size() >= 19, 20, "A reload forgot it")
    press(page, "projector")
    part(page, "layers").wait_for(timeout=20_000)
    wait_until(lambda: size() < 20, 20, "The type is as large as before")


def test_the_tour_leads_to_a_digit_that_the_new_network_reads(server, page):
    began = time.monotonic()
    open_page(page, server.url, "tour")
    step(page, "train").click()
    wait_for_status(page, "running", "finished")
    step(page, "read").click()
    draw(page, *DIGITS[3])
    wait_for_digit(page, 3, 90)
    print(f"From opening the app to the digit read: {time.monotonic() - began:.0f} s")
    assert "cnn · run 1" in chosen(page, "network_menu")

    step(page, "inside").click()
    page.get_by_role("heading", name="Look inside").wait_for(timeout=30_000)
    part(page, "network_strip").get_by_text("My drawing").wait_for(timeout=60_000)
    assert "cnn · run 1" in chosen(page, "run_picker")
    wait_until(lambda: inked(page) > 0, 20, "The drawing is not on the paper")
    # Been through once, it is not offered again.
    press(page, "tour_lesson")
    page.get_by_role("heading", name="A neuron").wait_for(timeout=30_000)
    wait_until(lambda: cookies(page).get("mnist_lab_tour") == "closed", 20, "It was not kept")
    open_page(page, server.url, "card_9")
    settle(page)
    assert not part(page, "tour").count()
    page.get_by_role("link", name="Train", exact=True).click()
    end_training(page)  # others' networks are next
