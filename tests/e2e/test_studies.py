"""A study in the browser: compose a tiny one, watch it end, look at its charts, open a trial."""

from __future__ import annotations

from tests.e2e.helpers import curves, open_page, part, press, wait_until


def address(page) -> str:
    return str(page.evaluate("location.href"))


def open_tab(page) -> None:
    page.get_by_role("tab", name="Studies").click(timeout=60_000)


def fill(page, key: str, value: str) -> None:
    field = part(page, key).locator("input").first
    field.fill(value)
    field.press("Enter")


def test_a_tiny_study_ends_and_a_trial_opens_in_look_inside(server, page):
    open_page(page, f"{server.url}/explore")
    open_tab(page)
    part(page, "start_study").wait_for(timeout=60_000)
    fill(page, "study_images", "1000")
    fill(page, "study_epochs", "2")
    fill(page, "study_trials", "3")
    page.get_by_text("3 trials of at most 2 epochs each.").wait_for(timeout=20_000)
    press(page, "start_study")

    status = part(page, "study_status")
    wait_until(lambda: "running" in status.inner_text(), 30, "The study does not run")
    wait_until(lambda: "finished 3 of 3" in status.inner_text(), 90, "The study does not end")
    said = part(page, "best_trial").inner_text(timeout=10_000)
    assert "Best so far: validation accuracy" in said

    chart = "study_chart_area"
    values = wait_until(
        lambda: [y for c in curves(page, chart) for y in c["y"]], 20, "No history appeared"
    )
    assert len(values) >= 3 and all(0 <= value <= 1 for value in values)
    part(page, "study_chart").get_by_role("radio", name="Curves").click()
    wait_until(
        lambda: sum(len(c["x"]) == 2 for c in curves(page, chart)) == 3, 20, "No curves appeared"
    )

    page.reload()
    open_tab(page)
    press(page, "trial_inside")
    page.wait_for_selector(".st-key-run_picker", timeout=60_000)
    chosen = part(page, "run_picker").locator("input").first
    wait_until(lambda: "trial" in chosen.input_value(), 20, "Look inside shows another run")
    assert "/inspect" in address(page)
