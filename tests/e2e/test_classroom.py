"""A teacher and two pupils on a shared server: from the code on the blackboard to the board."""

from __future__ import annotations

import re

import pytest

from tests.e2e.helpers import (
    curves,
    draw,
    open_page,
    part,
    press,
    settle,
    wait_for_status,
    wait_until,
)

SMALL = "layers=flatten;dense(units:{units})&epochs=1&training_images=3000"


@pytest.fixture
def pupils(browser):
    """Pages of two other browsers, one of them a phone's."""
    sizes = ({"width": 1366, "height": 768}, {"width": 390, "height": 844})
    contexts = [browser.new_context(viewport=size, reduced_motion="reduce") for size in sizes]
    yield [context.new_page() for context in contexts]
    for context in contexts:
        context.close()


def at_class(page, url: str) -> None:
    open_page(page, f"{url}/explore", "explore_views")
    settle(page)
    page.get_by_role("tab", name="Class").click()


def board(page) -> str:
    return str(part(page, "board_head").inner_text(timeout=2000))


def sizes(page) -> list[float]:
    """The networks' parameters, from the dots of the board."""
    return sorted(x for dot in curves(page, "board_dots") for x in dot["x"])


def test_a_class_from_the_code_to_the_board(server, page, pupils):
    at_class(page, server.url)
    page.get_by_label("Name of the class").fill("8b")
    press(page, "open_class_now")
    shown = part(page, "class_code_shown")
    shown.wait_for(timeout=30_000)
    code = shown.inner_text().strip()
    assert re.fullmatch(r"[2-9A-Z]{5}-[2-9A-Z]{5}", code)
    page.get_by_text("Pupils see the board").click()

    for pupil, name, units in zip(pupils, ("Ada <b>", "Ben"), (8, 32), strict=True):
        open_page(pupil, f"{server.url}/explore?class={code}", "join_class_now")
        settle(pupil)
        pupil.get_by_role("textbox", name="Nickname").fill(name)
        press(pupil, "join_class_now")
        part(pupil, "leave_class").wait_for(timeout=60_000)
        open_page(pupil, f"{server.url}/train?{SMALL.format(units=units)}", "start_training")
        press(pupil, "start_training")
    for pupil in pupils:
        wait_for_status(pupil, "finished", timeout=120)

    # The teacher's page has followed by itself: a dot each, with their names.
    wait_until(lambda: "2 with a network, 0 training" in board(page), 60, "The board stands still")
    wait_until(lambda: sizes(page) == [6_370, 25_450], 30, "Not each network has its dot")
    names = part(page, "board_dots").inner_text()
    assert "Ada <b>" in names and "Ben" in names

    # One drawing, read by both; a pupil sees it, too.
    page.get_by_text("One drawing").click()
    draw(page, [(0.5, 0.15), (0.5, 0.85)])
    wait_until(
        lambda: part(page, "show_drawing").locator("button").is_enabled(), 30, "Nothing was drawn"
    )
    press(page, "show_drawing")
    at_class(pupils[0], server.url)
    pupils[0].get_by_text("One drawing").click()
    for seen in (page, pupils[0]):
        wait_until(
            lambda seen=seen: re.search(
                r"Ada <b>\s*\d\s*\d+%.*Ben\s*\d\s*\d+%",
                part(seen, "class_readings").inner_text(timeout=2000),
                re.DOTALL,
            ),
            60,
            "The drawing is not read",
        )

    # Who leaves is gone from the board, and keeps the run.
    press(pupils[0], "leave_class")
    part(pupils[0], "join_class_now").wait_for(timeout=30_000)
    page.get_by_text("Dots", exact=True).click()
    wait_until(lambda: "1 pupil, 1 with a network" in board(page), 60, "Ada is still there")
    open_page(pupils[0], f"{server.url}/train", "run_picker")
