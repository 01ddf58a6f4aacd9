"""Files in a real browser: a run leaves as a file and comes back as another run."""

from __future__ import annotations

from mnist_core.store import Store
from tests.e2e.helpers import open_page, part, press, wait_until
from tests.e2e.test_train import address
from tests.runs_in_store import ended_run


def test_a_saved_run_is_opened_again_and_looked_at(server, page, home, tmp_path):
    store = Store(home=home)
    first = ended_run(store)
    open_page(page, f"{server.url}/explore", "explore_views")
    page.get_by_role("tab", name="Files").click()
    part(page, "file_author").locator("input").fill("Ada")
    part(page, "file_author").locator("input").press("Enter")
    with page.expect_download(timeout=20_000) as saving:
        press(page, "save_run_file")
    file = tmp_path / saving.value.suggested_filename
    saving.value.save_as(file)
    assert file.suffix == ".mnistlab"

    page.get_by_role("tab", name="Open files").click()
    part(page, "open_files").locator("input[type=file]").set_input_files([file])
    part(page, "opened_accuracy").locator(".js-plotly-plot").wait_for(timeout=20_000)
    press(page, "keep_files")
    press(page, "opened_inside")
    part(page, "moment").wait_for(timeout=60_000)
    runs = store.runs()
    store.close()
    assert [run.id for run in runs][1:] == [first] and "By Ada." in runs[0].note
    wait_until(lambda: f"run={runs[0].id}" in address(page), 20, "Another run is looked at")
