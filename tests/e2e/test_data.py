"""A data set of one's own in a real browser: added, trained on, looked into, and drawn for."""

from __future__ import annotations

from playwright.sync_api import expect

from mnist_core.storage.store import Store
from mnist_core.visitors.identity import owner_of
from tests.e2e.helpers import (
    choose_preset,
    draw,
    open_page,
    part,
    press,
    token,
    wait_for_status,
    wait_until,
)
from tests.support.data_sets import NAMES, bars, npz, parts


def test_a_set_of_ones_own_takes_the_place_of_mnist_on_all_pages(server, page):
    data = bars(train=600, test=90)
    open_page(page, f"{server.url}/explore", "explore_views")
    page.get_by_role("tab", name="Data").click()
    part(page, "data_add").locator("input[type=file]").wait_for(state="attached", timeout=60_000)
    file = {
        "name": "bars.npz",
        "mimeType": "application/octet-stream",
        "buffer": npz(**parts(data)),
    }
    part(page, "data_add").locator("input[type=file]").set_input_files([file])
    names = part(page, "data_add").locator("textarea")
    names.wait_for(timeout=60_000)
    names.fill("\n".join(NAMES))
    names.press("Control+Enter")
    part(page, "data_add").get_by_alt_text("Examples of right bar").wait_for(timeout=20_000)
    press(page, "keep_data")
    part(page, "data_save").wait_for(timeout=20_000)  # what is shown now is the new set
    press(page, "data_train")

    part(page, "start_training").wait_for(timeout=30_000)
    page.get_by_text("Trains on bars").wait_for(timeout=20_000)
    choose_preset(page, "two-layer")
    page.get_by_text("One hidden layer is enough").wait_for(timeout=20_000)
    press(page, "start_training")
    wait_for_status(page, "finished", timeout=120)
    store = Store(home=server.home)
    (run,) = store.runs(owner_of(token(page)))
    store.close()
    assert run.experiment.network.classes == 3 and run.test_accuracy == 1.0

    open_page(page, f"{server.url}/inspect?run={run.id}&image=2", "run_picker")
    part(page, "network_strip").get_by_text("Test image 2: “right bar”").wait_for(timeout=60_000)
    expect(part(page, "network_strip").locator(".best").first).to_have_text("right bar")

    open_page(page, f"{server.url}/draw", "canvas")
    draw(page, [(0.5, 0.2), (0.5, 0.8)])
    wait_until(
        lambda: part(page, "prediction").inner_text(timeout=2000) in NAMES,
        60,
        "The drawing was not read as one of the classes",
    )
