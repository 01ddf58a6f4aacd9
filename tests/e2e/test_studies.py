"""Studies in the browser: ask a run what if, watch the comparison, open a trial; a small search."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.helpers import address, curves, open_page, part, press, wait_until

pytestmark = pytest.mark.on("private")


def open_tab(page) -> None:
    page.get_by_role("tab", name="Studies").click(timeout=60_000)


def new_study(page, server) -> None:
    """The form of a new study; where there are others, it is behind a button."""
    open_page(page, f"{server.url}/explore")
    open_tab(page)
    form, button = part(page, "start_study"), part(page, "open_new_study")
    form.or_(button).first.wait_for(timeout=60_000)
    if not form.count():
        press(page, "open_new_study")
        form.wait_for(timeout=20_000)


def fill(page, key: str, value: str) -> None:
    field = part(page, key).locator("input").first
    field.fill(value)
    field.press("Enter")


def ends(page, trials: int) -> None:
    status = part(page, "study_status")
    wait_until(
        lambda: f"finished {trials} of {trials}" in status.inner_text(), 120, "It does not end"
    )


def shows_all(page) -> bool:
    """Whether the figure has 15 results, and the means of 5 values."""
    found = {curve["name"]: len(curve["x"]) for curve in curves(page, "compare_results")}
    return found.get("one seed") == 15 and found.get("mean ± standard deviation") == 5


def test_a_setting_is_compared_over_seeds_and_a_dot_opens_its_run(server, page):
    page.set_viewport_size({"width": 1366, "height": 768})
    new_study(page, server)
    fill(page, "study_images", "1000")
    fill(page, "study_epochs", "2")
    page.get_by_text("5 values × 3 seeds: 15 trainings").wait_for(timeout=20_000)
    press(page, "start_study")

    ends(page, 15)
    # The status is drawn before the rest, which still shows what it did while the study ran.
    verdict = part(page, "study_verdict")
    expect(verdict).not_to_contain_text("Means so far", timeout=10_000)
    expect(verdict).to_contain_text("Learning rate:")
    expect(verdict).to_contain_text("more than chance")
    expect(part(page, "best_trial")).to_contain_text("validation accuracy")
    wait_until(lambda: shows_all(page), 20, "The figure does not show all results")
    box = part(page, "compare_results").bounding_box()
    assert box["y"] + box["height"] <= 768, "The figure is not on the first screen"

    page.reload()
    open_tab(page)
    press(page, "trial_inside")
    page.wait_for_selector(".st-key-run_picker", timeout=60_000)
    chosen = part(page, "run_picker").locator("input").first
    wait_until(lambda: "trial" in chosen.input_value(), 20, "Look inside shows another run")
    assert "/inspect" in address(page)


def test_a_cell_that_fills_opens_its_run_and_a_search_shows_its_figures(server, page):
    new_study(page, server)
    page.get_by_role("radio", name="Two settings").click()
    # Long enough to be stopped.
    fill(page, "study_images", "2000")
    fill(page, "study_epochs", "5")
    fill(page, "study_seeds", "1")
    page.get_by_text("5 × 5 values × 1 seed: 25 trainings").wait_for(timeout=20_000)
    press(page, "start_study")
    status = part(page, "study_status")
    # Until the page is drawn anew it is that of the study before.
    some = re.compile(r"\b[1-9]\d* of 25 trials")
    wait_until(lambda: some.search(status.inner_text()), 120, "No trial ends")
    heat = part(page, "compare_heat")
    filled = "(plot) => Number.isFinite(plot._fullData[0].z[0][0])"
    plot = heat.locator(".js-plotly-plot").first
    wait_until(lambda: plot.evaluate(filled), 60, "The cell is not filled")
    cells = heat.locator(".nsewdrag").first
    box = cells.bounding_box()
    cells.click(position={"x": 0.1 * box["width"], "y": 0.9 * box["height"]})
    opened = part(page, "open_trial")
    wait_until(lambda: "Trial 0 " in opened.inner_text(), 30, "The cell opened no trial")
    expect(opened.get_by_role("button", name="Draw")).to_have_count(1)
    press(page, "stop_study")
    wait_until(lambda: "stopped" in status.inner_text(), 60, "It does not stop")

    press(page, "open_new_study")
    page.get_by_role("radio", name="Search").click()
    fill(page, "study_trials", "2")
    fill(page, "study_images", "500")
    fill(page, "study_epochs", "1")
    page.get_by_text("2 trials of at most 1 epoch each.").wait_for(timeout=20_000)
    press(page, "start_study")
    ends(page, 2)
    part(page, "study_chart").get_by_role("radio", name="Curves").click()

    def each_trial_has_a_curve() -> bool:
        return sum(len(curve["x"]) == 1 for curve in curves(page, "study_chart_area")) >= 2

    wait_until(each_trial_has_a_curve, 20, "No curves appeared")
