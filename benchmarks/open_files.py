"""Memory of a shared server on which somebody opens a class's run files.

A server with `MNIST_LAB_PUBLIC=1`. In a browser, `--files` files of one run each (of `two-layer`,
as `Explore → Files → Save a run` writes them) are dropped into `Explore → Files → Open files`,
looked at, made runs of one's own, and closed with the page. Streamlit lets a closed page go after
two minutes, its uploads with it, and the server collects garbage every few minutes. A shared server
takes 200 MB of open files from a session: of those with `--kept all`, 15 MB each, ten.

Figures are MB of proportional set size, as in `memory`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks._browser import new_browser
from benchmarks._server import new_server
from benchmarks.memory import LET_GO_SECONDS, memory
from mnist_core import PRESETS
from mnist_core.engine.upkeep import GARBAGE_SECONDS, ROOM_SECONDS

if TYPE_CHECKING:
    from tests.e2e.server import Server

SUMMARY = "memory of a shared server before, while and after a class's run files are open"
# Of the browser, in milliseconds.
PATIENCE = 120_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--files", type=int, default=30, help="how many (%(default)s)")
    parser.add_argument("--kept", choices=["ends", "all"], default="ends",
                        help="weights in a file: first and last, or all (%(default)s)")  # fmt: skip
    parser.add_argument("--waves", type=int, default=2, help="how often they come (%(default)s)")
    parser.add_argument("--let-go", type=float, default=LET_GO_SECONDS, metavar="SECONDS",
                        help="wait after closing the page (%(default)s)")  # fmt: skip


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Open the files, print each step's megabytes and return them."""
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder:
        files = _run_files(Path(folder), args.files, args.kept)
        print(f"  {len(files)} files of {files[0].stat().st_size / 1e6:.1f} MB")
        with new_server({"MNIST_LAB_PUBLIC": "1"}) as server, new_browser() as browser:
            server.start()
            page = browser.new_page()
            page.goto(f"{server.url}/explore")
            page.get_by_role("tab", name="Files").wait_for(timeout=PATIENCE)
            time.sleep(20)  # TensorFlow is loaded and warmed up in the worker
            _say(report, "Explore shown", server)
            page.close()
            for wave in range(args.waves):
                page = browser.new_page()
                _open(page, server, files)
                _say(report, f"wave {wave + 1}, open", server)
                page.locator(".st-key-keep_files button").click()
                page.get_by_text("are your runs now").wait_for(timeout=PATIENCE)
                _say(report, f"wave {wave + 1}, made runs", server)
                page.close()
                time.sleep(args.let_go)
                page = browser.new_page()  # what is out of date goes when another comes
                page.goto(f"{server.url}/explore")
                page.get_by_role("tab", name="Files").wait_for(timeout=PATIENCE)
                page.close()
                time.sleep(GARBAGE_SECONDS + ROOM_SECONDS)
                _say(report, f"wave {wave + 1}, closed", server)
    return {"mb": report}


def _run_files(folder: Path, count: int, kept: Any) -> list[Path]:
    """Files of one trained run, by pupils of different names."""
    from mnist_core.files import runfile
    from mnist_core.storage.store import Store
    from mnist_core.training.loop import train

    store = Store(home=folder)
    run_id = store.create_run(PRESETS["two-layer"], preset="two-layer")
    for event in train(PRESETS["two-layer"]):
        store.record(run_id, event)
    kept_run = store.run(run_id)
    assert kept_run is not None
    files = []
    for number in range(count):
        file = runfile.from_store(store, kept_run, snapshots=kept, author=f"Pupil {number + 1}")
        files.append(folder / f"pupil-{number + 1}{runfile.SUFFIX}")
        files[-1].write_bytes(runfile.pack(file))
    store.close()
    return files


def _open(page: Any, server: Server, files: list[Path]) -> None:
    page.goto(f"{server.url}/explore")
    page.get_by_role("tab", name="Files").click(timeout=PATIENCE)
    page.get_by_role("tab", name="Open files").click(timeout=PATIENCE)
    page.locator(".st-key-open_files input[type=file]").set_input_files(files, timeout=PATIENCE)
    page.get_by_text(f"Add all {len(files)} to my runs").wait_for(timeout=PATIENCE)
    page.locator(".st-key-opened_accuracy .js-plotly-plot").wait_for(timeout=PATIENCE)


def _say(report: dict[str, dict[str, float]], step: str, server: Server) -> None:
    found = report[step] = memory(server)
    words = "   ".join(f"{name} {value:6.0f}" for name, value in found.items())
    print(f"  {step:<24} {words} MB", flush=True)
