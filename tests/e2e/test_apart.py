"""The server computes in a process beside it, and does without TensorFlow itself.

The other tests' servers are looked at in the same way, when they end (`Server.has_tensorflow`).
"""

from __future__ import annotations

import os
import signal
import sys

import pytest

from benchmarks._digits import DIGITS
from benchmarks._sessions import Session
from pages.session.inspect_state import VIEWS as INSIDE
from tests.e2e.helpers import (
    draw,
    open_page,
    part,
    press,
    wait_for_digit,
    wait_for_empty_paper,
    wait_until,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_no_page_loads_tensorflow_into_the_server(server):
    with Session(server.url) as visitor:
        for page in ("", "train", "explore", "draw"):
            visitor.visit(page)
        visitor.draw(3)
        for view in INSIDE:
            visitor.visit("inspect", f"run=default&view={view}")
            wait_until(lambda: visitor.has("next_image"), 60, "Look inside does not come")
            visitor.press("next_image")
    assert server.computing_pids() and not server.has_tensorflow()


def test_a_crash_of_the_computing_process_costs_a_moment(server, page):
    open_page(page, f"{server.url}/draw", "canvas")
    draw(page, *DIGITS[3])
    wait_for_digit(page, 3, 60)
    for pid in server.computing_pids():
        os.kill(pid, signal.SIGKILL)
    press(page, "clear_canvas")
    wait_for_empty_paper(page)
    draw(page, *DIGITS[7])
    wait_for_digit(page, 7, 60)
    assert part(page, "board").get_by_role("alert").count() == 0
