"""Processes die in mid-training: nothing that was seen is lost, and the page tells the truth."""

from __future__ import annotations

import os
import re
import signal

import pytest

from mnist_core.storage.store import Store
from tests.e2e.helpers import (
    last_step,
    message,
    open_page,
    press,
    start_training,
    wait_for_status,
    wait_until,
)

ENOUGH = 20


def _watch(page) -> float:
    """The run that was just started, until its curve has grown; the last step seen."""
    start_training(page)
    wait_for_status(page, "running", timeout=90)
    return float(
        wait_until(lambda: (s := last_step(page)) >= ENOUGH and s, 90, "The curve did not grow")
    )


@pytest.mark.on("private")
def test_the_worker_is_killed_and_then_the_server(server, page):
    open_page(page, f"{server.url}/train?preset=two-layer&epochs=200", "start_training")
    reached = _watch(page)
    pids = server.worker_pids()
    assert pids, "No worker process was found"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    wait_for_status(page, "failed", timeout=10)
    wait_until(
        lambda: re.search(r"(\w+ ){3,}.*\.", message(page)),
        10,
        "No sentence says what happened",
    )
    wait_until(lambda: last_step(page) >= reached, 10, "The curve did not survive the crash")

    reached = _watch(page)  # the next run needs no more than a press
    store = Store(home=server.home)
    (run_id,) = [run.id for run in store.runs() if run.active]
    page.goto("about:blank")  # an open page would come back by itself
    server.kill()
    server.start()
    # Told before anybody opens a page.
    wait_until(lambda: not store.run(run_id).active, 30, "The run is still said to train")
    run = store.run(run_id)
    assert run.status == "stopped" and run.interrupted
    assert "server went down" in run.message and "It can be resumed" in run.message
    store.close()
    open_page(page, f"{server.url}/train", "training_status")

    wait_for_status(page, "stopped", "failed", timeout=30)
    wait_until(
        lambda: "interrupted" in message(page).lower(), 20, "The page does not say what happened"
    )
    wait_until(lambda: last_step(page) >= reached, 30, "The curve did not survive the crash")

    kept = last_step(page)
    press(page, "continue_training")
    wait_for_status(page, "running", timeout=60)
    wait_until(lambda: last_step(page) > kept, 90, "The continued run does not go on")
    press(page, "stop_training")
    wait_for_status(page, "stopped", timeout=30)
