"""Faults and hostile words in a real browser: the app stays up, and text stays text."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from mnist_core.storage.schema import runs
from mnist_core.storage.store import Store
from tests.e2e.helpers import message, open_page, part, press, wait_for_status, wait_until
from tests.support.runs_in_store import ended_run

NAME = (
    "<img src=x onerror=alert(1)> <b>b</b> **m** $x^2$ :red[r] [a](javascript:alert(1)) "
    ":material/home: www.a.org &lt;i -> j"
)
QUERY = "layers=%3Cimg%20src%3Dx%3E%20**m**%20%24x%24%20%5Ba%5D(javascript:alert(1))"
# What text may not turn into, wherever it stands on a page.
MARKUP = """
img[src="x"], a[href^="javascript"], a[href*="a.org"], annotation:text-matches("^x(\\^2)?$"),
[data-testid="stMarkdown"] b, [data-testid="stAlert"] strong, [data-testid="stAlert"] b,
[data-testid="stAlert"] span[style*="color"]
"""


def digest(home: Path) -> str:
    """Of everything that the database holds about runs."""
    with sqlite3.connect(home / "lab.db") as connection:
        tables = ("runs", "steps", "epochs", "snapshots")
        rows = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def without_joiners(text: str) -> str:
    return text.replace("\u2060", "")


def only_text(page) -> None:
    found = [part.evaluate("(e) => e.outerHTML") for part in page.locator(MARKUP).all()]
    assert not found, found


@pytest.mark.on("private")
def test_names_notes_and_links_are_only_text(server, page):
    home = server.home
    store = Store(home=home)
    ids = run_id, _ = ended_run(store), ended_run(store)
    with store.transaction() as connection:
        values = {"name": NAME, "note": NAME, "message": NAME, "status": "failed"}
        connection.execute(sa.update(runs).where(runs.c.id.in_(ids)).values(**values))
    store.annotate(run_id, ["<b>t</b>", "**u**"], NAME)
    store.close()
    before = digest(home)
    dialogs: list[str] = []

    def note(dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)

    open_page(page, f"{server.url}/train?{QUERY}", "training_status")
    told = "“<img src=x> **m** $x$ [a](javascript:"
    wait_until(
        lambda: "which is not a layer" in (text := message(page)) and told in text,
        20,
        "The link's mistake is not told as it is",
    )
    # One thing is said at a time: what is wrong with the link goes before how the run ended.
    open_page(page, f"{server.url}/train?run={run_id}", "training_status")
    wait_until(lambda: NAME in without_joiners(message(page)), 30, "The message is not as it was")
    part(page, "icon-run_more").get_by_role("button").first.click()
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option").first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    legend = part(page, "loss_chart").locator(".legendtext").filter(has_text="<b>b</b>")
    legend.first.wait_for(timeout=20_000)
    assert NAME in legend.first.text_content()
    only_text(page)

    open_page(page, f"{server.url}/inspect?run={run_id}&view=%3Cb%3Ex", "run_picker")
    part(page, "moment").wait_for(timeout=60_000)
    only_text(page)
    page.goto(f"{server.url}/draw")
    wait_until(lambda: page.locator(".st-key-network_menu").count(), 60, "No menu of networks")
    only_text(page)
    open_page(page, f"{server.url}/explore", "explore_views")
    page.locator('[data-testid="stDataFrame"]').first.wait_for(timeout=30_000)
    only_text(page)
    page.get_by_role("tab", name="Files").click()
    part(page, "save_run_file").wait_for(timeout=30_000)
    only_text(page)
    assert not dialogs and digest(home) == before


def checkpointed(file: Path) -> bool:
    """True once all pages lie in the database's file, and every connection must read them there.

    A write-ahead log that begins anew makes other connections drop the pages that they keep.
    """
    with closing(sqlite3.connect(file)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@pytest.mark.on("own")
def test_a_file_damaged_while_the_server_runs_is_told_and_put_right_at_its_next_start(
    server, page, home
):
    store = Store(home=home)
    run_id = ended_run(store)
    store.close()
    file = home / "lab.db"
    open_page(page, f"{server.url}/train", "training_status")
    wait_until(lambda: checkpointed(file), 20, "The write-ahead log is never taken over")
    size = file.stat().st_size
    with file.open("r+b") as database:  # all but its beginning, which says what is where
        database.seek(size // 4 // 4096 * 4096)
        database.write(b"\xab" * (size - database.tell()))
    page.goto(f"{server.url}/inspect?run={run_id}")
    wait_until(lambda: "is damaged. Restart the server" in said(page), 60, "Nothing says so")

    bad = file.read_bytes()
    server.kill()
    server.start()
    open_page(page, f"{server.url}/train", "start_training")
    wait_until(lambda: "was damaged. It is kept as" in said(page), 30, "Nothing says where it is")
    kept = next(home.glob("lab-damaged-*.db"))
    assert str(kept) in said(page) and kept.read_bytes() == bad
    press(page, "start_training")
    wait_for_status(page, "queued", "running", timeout=60)


def said(page) -> str:
    return "\n".join(page.locator('[data-testid="stAlert"]').all_inner_texts())


@pytest.mark.on("private")
def test_a_browser_that_leaves_in_the_middle_of_an_upload_changes_nothing(server, page, tmp_path):
    home = server.home
    said_before = len(server.whole_log())
    store = Store(home=home)
    ended_run(store)
    store.close()
    before = digest(home)
    large = tmp_path / "large.mnistlab"
    large.write_bytes(b"PK" + bytes(20_000_000))
    leaving = page.context.new_page()
    open_page(leaving, f"{server.url}/explore", "explore_views")
    leaving.get_by_role("tab", name="Files").click()
    leaving.get_by_role("tab", name="Open files").click()
    chooser = part(leaving, "open_files").locator("input[type=file]")
    chooser.wait_for(state="attached", timeout=30_000)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    network = leaving.context.new_cdp_session(leaving)
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    with leaving.expect_request(lambda request: "upload_file" in request.url, timeout=30_000):
        chooser.set_input_files([large])
    part(leaving, "open_files").get_by_text("large.mnistlab").wait_for(timeout=20_000)
    leaving.close()

    open_page(page, f"{server.url}/explore", "explore_views")
    page.locator('[data-testid="stDataFrame"]').first.wait_for(timeout=30_000)
    assert "Traceback" not in server.whole_log()[said_before:] and digest(home) == before
