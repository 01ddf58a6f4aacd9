"""Cost of a press in Look inside: time on the server, bytes sent, time to the new picture.

Trains the `cnn` preset on a few images, starts the app as a person would, and in a headless
Chromium on the same machine presses “Next” in each view, and a pixel of a feature map. `server`
is the time from the request's leaving the browser to the last answer's arrival, `payload` the
bytes of those answers, `picture` the time from the moment the mouse button goes down until the
page has last changed (its text, and what the last answer brought). `first view` is from opening
Look inside on a server whose Train page is open, but which nobody has looked inside on, until its
picture stands there; `second view` the same for another visitor.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks._browser import new_browser
from benchmarks._server import new_server

SUMMARY = "server time, payload and time to the new picture of each view of Look inside"
VIEWS = ("network", "weights", "edit", "backward", "mistakes", "robustness")
QUIET_MS = 1500  # after this long without a change a press has been answered
IDLE_MS = 10_000  # in which a server prepares what it prepares for the next visitor

# Notes each request, each answer with its size, and each change of the page.
WATCH = """
window.requests = []; window.answers = []; window.changes = []; window.pressed = 0;
addEventListener("pointerdown", () => { pressed = performance.now(); }, true);
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  requests.push(performance.now());
  if (!this.watched) {
    this.watched = true;
    this.addEventListener("message", ({ data }) =>
      answers.push([performance.now(), data.byteLength ?? data.size ?? data.length]));
  }
  return send.call(this, data);
};
addEventListener("DOMContentLoaded", () => new MutationObserver(() =>
  requestAnimationFrame(() => changes.push(performance.now()))
).observe(document.body, { subtree: true, childList: true, characterData: true }));
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--repeats", type=int, default=11, help="presses a view (%(default)s)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure each view and print a table; returns the same figures."""
    report: dict[str, Any] = {}
    with new_browser() as browser, new_server() as server:
        run_id = _small_run(server.home)
        server.start()
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.add_init_script(WATCH)
        views = _first_views(browser, server.url, run_id)
        for name, seconds in views.items():
            print(f"  {name:<11} {seconds:5.2f} s", flush=True)
        for view in VIEWS:
            address = f"{server.url}/inspect?run={run_id}&view={view}"
            report[view] = _presses(page, address, args.repeats, pixel=False)
        address = f"{server.url}/inspect?run={run_id}&view=network"
        report["pixel"] = _presses(page, address, args.repeats, pixel=True)
    for view, found in report.items():
        print(
            f"  {view:<11} server {found['server_ms']:5.0f} ms   payload "
            f"{found['payload_kb']:6.0f} kB   picture {found['picture_ms']:5.0f} ms"
        )
    return report | views


def _first_views(browser: Any, url: str, run_id: str) -> dict[str, float]:
    """Seconds until the first two visitors who look inside see feature maps."""
    from tests.e2e.helpers import open_page

    found = {}
    trains = browser.new_page()
    open_page(trains, f"{url}/train", "start_training")
    trains.wait_for_timeout(IDLE_MS)
    for name in ("first view", "second view"):
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        began = time.perf_counter()
        open_page(page, f"{url}/inspect?run={run_id}&view=network", "feature_maps")
        found[name] = time.perf_counter() - began
        page.close()
    trains.close()
    return found


def _small_run(home: Path) -> str:
    """A run of the `cnn` preset on few images, with its snapshots, in the store of `home`."""
    from mnist_core import PRESETS, train
    from mnist_core.storage.store import Store

    preset = PRESETS["cnn"]
    training = preset.training.model_copy(update={"training_images": 2000, "epochs": 1})
    experiment = preset.model_copy(update={"training": training})
    store = Store(home=home)
    run_id = store.create_run(experiment)
    for event in train(experiment):
        store.record(run_id, event)
    store.close()
    return run_id


def _presses(page: Any, address: str, repeats: int, *, pixel: bool) -> dict[str, float]:
    """Medians over `repeats` presses, after two that compile."""
    from tests.e2e.helpers import open_page, part

    open_page(page, address, "feature_maps" if pixel else "next_image")
    page.wait_for_timeout(4000)
    found = []
    for turn in range(repeats + 2):
        page.evaluate("requests.length = answers.length = changes.length = 0")
        if pixel:
            target = part(page, "feature_maps").locator("canvas").last
            target.scroll_into_view_if_needed()
            box = target.bounding_box()
            page.mouse.move(box["x"] + 20 + 23 * turn, box["y"] + 20 + 3 * turn)
            page.mouse.down()
            page.mouse.up()
        else:
            button = part(page, "next_image").locator("button").first
            button.hover()
            button.click()
        page.wait_for_timeout(QUIET_MS)
        pressed, sent, answers, changes = page.evaluate("[pressed, requests, answers, changes]")
        if sent and answers:
            found.append(
                (
                    answers[-1][0] - sent[0],
                    sum(size for _, size in answers) / 1000,
                    max([*changes, answers[-1][0]]) - pressed,
                )
            )
    server, payload, picture = zip(*found[2:], strict=True)
    return {
        "server_ms": statistics.median(server),
        "payload_kb": statistics.median(payload),
        "picture_ms": statistics.median(picture),
    }
