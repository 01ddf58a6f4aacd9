"""Files in a real browser, on a shared server: a run leaves as a file and comes back as another."""

from __future__ import annotations

import csv

from mnist_core.storage.store import Store
from mnist_core.visitors.identity import owner_of
from tests.e2e.helpers import address, open_page, part, press, settle, token, wait_until
from tests.support.runs_in_store import ended_run


def test_a_saved_run_is_opened_again_and_looked_at(server, page, tmp_path):
    open_page(page, f"{server.url}/explore", "explore_views")
    visitor = owner_of(wait_until(lambda: token(page), 10, "The visitor has no token"))
    store = Store(home=server.home)
    first = ended_run(store, owner=visitor)
    page.reload()
    part(page, "explore_views").wait_for(timeout=60_000)
    page.get_by_role("tab", name="Files").click()
    part(page, "save_script").wait_for(timeout=20_000)
    settle(page)  # else the name may reach the server after the file has been made
    part(page, "file_author").locator("input").fill("Ada")
    with page.expect_download(timeout=20_000) as saving:
        press(page, "save_run_file")
    file = tmp_path / saving.value.suggested_filename
    saving.value.save_as(file)
    assert file.suffix == ".mnistlab"
    with page.expect_download(timeout=20_000) as saving:
        press(page, "save_csv")
    rows = list(csv.reader(saving.value.path().read_text().splitlines()))
    assert len(rows) == 1 + len(store.steps(first).step)

    page.get_by_role("tab", name="Open files").click()
    part(page, "open_files").locator("input[type=file]").set_input_files([file])
    part(page, "opened_accuracy").locator(".js-plotly-plot").wait_for(timeout=20_000)
    press(page, "keep_files")
    press(page, "opened_inside")
    part(page, "moment").wait_for(timeout=60_000)
    runs = store.runs(visitor)
    kept = [[moment.step for moment in store.snapshots(run.id)] for run in runs]
    store.close()
    # On a shared server a file holds the first and the last weights unless all are chosen.
    assert kept[0] == [kept[1][0], kept[1][-1]] and len(kept[1]) > 2
    assert [run.id for run in runs][1:] == [first] and "By Ada." in runs[0].note
    wait_until(lambda: f"run={runs[0].id}" in address(page), 20, "Another run is looked at")
