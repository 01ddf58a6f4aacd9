"""Train a network in the browser: start, watch, pause, reload, stop; links and the editor."""

from __future__ import annotations

from tests.e2e.helpers import (
    address,
    choose_preset,
    curves,
    end_training,
    last_step,
    open_page,
    part,
    press,
    settle,
    step_told,
    wait_for_status,
    wait_until,
)

# The heights at which the start button stands from now on, looked at in each frame.
FOLLOW_START = """() => {
  window.heights = new Set();
  const look = () => {
    const box = document.querySelector(".st-key-start_training button")?.getBoundingClientRect();
    // It has no height while Streamlit fetches the script of another part for the first time.
    if (box?.height !== 0) heights.add(box && Math.round(box.y));
    requestAnimationFrame(look);
  };
  look();
}"""


def test_a_newcomer_trains_a_cnn(server, page):
    open_page(page, f"{server.url}/train", "preset")
    choose_preset(page, "cnn")
    settle(page)
    press(page, "start_training")
    wait_for_status(page, "running")

    states = [wait_until(lambda: last_step(page), 60, "No curve appeared")]
    for _ in range(3):
        states.append(
            wait_until(
                lambda: (step := last_step(page)) > states[-1] and step,
                20,
                f"The loss curve stood still at step {states[-1]:g}",
            )
        )
    assert states == sorted(set(states))
    wait_until(lambda: last_step(page, "accuracy_chart"), 20, "There is no accuracy curve")
    values = [y for c in curves(page, "accuracy_chart") for y in c["y"] if y is not None]
    assert all(0 <= y <= 1 for y in values), "An accuracy outside 0 to 1"

    page.reload()
    page.wait_for_selector(".st-key-training_status", timeout=60_000)
    wait_for_status(page, "running", timeout=30)
    wait_until(lambda: last_step(page) > states[-1], 30, "After a reload the curve no longer grows")

    press(page, "stop_training")
    wait_for_status(page, "stopped", timeout=20)


def test_a_link_holds_the_experiment_and_a_run_can_pause(server, page):
    open_page(page, f"{server.url}/train?preset=cnn", "start_training")
    press(page, "start_training")
    wait_for_status(page, "running")
    wait_until(lambda: last_step(page), 60, "No curve appeared")

    press(page, "pause_training")
    wait_for_status(page, "paused", timeout=20)
    held = step_told(page)
    wait_until(lambda: last_step(page) == held, 20, "The curve does not end at the pause")
    page.reload()
    wait_for_status(page, "paused", timeout=30)
    wait_until(lambda: last_step(page) == held, 20, "A paused run goes on")

    press(page, "pause_training")
    wait_for_status(page, "running", "finished", timeout=20)
    wait_until(lambda: last_step(page) > held, 30, "The run does not go on after a pause")
    end_training(page)


def test_the_address_alone_gives_another_browser_the_same_network(server, page, browser):
    open_page(page, f"{server.url}/train", "preset")
    part(page, "start_training").locator("button").wait_for(timeout=20_000)
    settle(page)
    page.evaluate(FOLLOW_START)
    choose_preset(page, "two-layer")
    wait_until(lambda: "units" in address(page), 20, "The address does not hold the network")
    settle(page)
    # A button that moves between press and release is not pressed.
    assert len(heights := page.evaluate("[...heights]")) == 1, f"The button moved: {heights}"
    elsewhere = browser.new_context()
    try:
        other = elsewhere.new_page()
        open_page(other, address(page), "preset")
        wait_until(
            lambda: "two-layer" in part(other, "preset").locator("input").input_value(),
            20,
            "The link opens another network",
        )
    finally:
        elsewhere.close()


def test_editing_a_layer_changes_summary_and_address(server, page):
    open_page(page, f"{server.url}/train?preset=two-layer&training_images=5000", "preset")
    part(page, "layers").get_by_role("button", name="dense 128").click()
    units = page.get_by_label("Units", exact=True)
    units.fill("32")
    units.press("Enter")
    wait_until(lambda: "units%3A32" in address(page), 20, "The address did not follow")
    page.keyboard.press("Escape")
    # Fields that may be empty hold what the link said, also when they are first seen.
    press(page, "training_popover")
    page.get_by_text("Data and regularisation").click()
    images = page.get_by_role("spinbutton", name="Training images (empty: all)")
    wait_until(lambda: images.input_value() == "5000", 20, "The setting is lost")
    page.keyboard.press("Escape")
    wait_until(lambda: "training_images=5000" in address(page), 5, "The setting is lost")
    part(page, "icon-network").get_by_role("button").first.click()
    page.get_by_role("tab", name="Summary").click()
    page.get_by_text("25,450 parameters in all.").wait_for(timeout=20_000)
