"""Processes die in mid-training: nothing that was seen is lost, and the page tells the truth."""

from __future__ import annotations

import os
import re
import signal

from tests.e2e.helpers import (
    last_step,
    message,
    open_page,
    press,
    wait_for_status,
    wait_until,
)

ENOUGH = 20


def _start_and_watch(server, page) -> float:
    open_page(page, f"{server.url}/train?preset=cnn", "start_training")
    press(page, "start_training")
    wait_for_status(page, "running")
    return float(
        wait_until(lambda: (s := last_step(page)) >= ENOUGH and s, 90, "The curve did not grow")
    )


def test_the_worker_is_killed(server, page):
    reached = _start_and_watch(server, page)
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

    press(page, "start_training")
    wait_for_status(page, "running", timeout=90)
    wait_until(lambda: last_step(page) > 0, 60, "The next run shows no curve")


def test_the_server_is_killed(server, page):
    reached = _start_and_watch(server, page)
    server.kill()
    server.start()
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
