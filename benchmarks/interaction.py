"""Slowdown of each page's answers while a network trains at full speed.

Starts the app as a person would and lets the `cnn` preset train. A visitor, by Streamlit's
protocol, goes from page to page and presses there; then training is paused and the same is done
again, and so on in turn. `idle` and `busy` are medians of the time from the press until the
server has answered in full, `ratio` is the second over the first. On Train the press comes while
the curves of that very run are being refreshed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks._server import new_server
from mnist_core import PRESETS

if TYPE_CHECKING:
    from benchmarks._sessions import Session

SUMMARY = "what a press costs on each page, idle and while a network trains at full speed"
EPOCHS = 200  # as many as an experiment may have; more than a measurement takes
PAUSE_SECONDS = 0.15  # between presses, so that they fall on different moments of the refreshing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--rounds", type=int, default=5, help="idle and busy (%(default)s)")
    parser.add_argument("--presses", type=int, default=6, help="a page and round (%(default)s)")
    parser.add_argument("--preset", default="cnn", help="what trains (%(default)s)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print a table and return the same figures in milliseconds."""
    from benchmarks._sessions import Session

    preset = PRESETS[args.preset]
    training = preset.training.model_copy(update={"epochs": EPOCHS})
    experiment = preset.model_copy(update={"training": training})
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    with new_server() as server:
        server.start()
        with Session(server.url) as visitor:
            visitor.visit("train", experiment.to_query())
            visitor.press("start_training")
            _wait(visitor, "epoch 1 of")
            for turn in range(args.rounds + 1):  # the first one compiles and loads
                for state in ("busy", "idle"):
                    _steer(visitor, state)
                    for page, press in PAGES.items():
                        found = _presses(visitor, page, press, args.presses)
                        times[page, state] += found if turn else []
            _steer(visitor, "busy")
            visitor.press("stop_training")
    return _report(times)


def _steer(visitor: Session, state: str) -> None:
    """Let training go on, or hold it, by the button on Train."""
    visitor.visit("train")
    wanted = "paused" if state == "idle" else "running"
    if f"**{wanted}**" not in visitor.text():
        visitor.press("pause_training")  # the same button resumes
    _wait(visitor, f"**{wanted}**")


def _wait(visitor: Session, words: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while words not in visitor.text():
        if time.monotonic() > deadline:
            raise RuntimeError(f"The page never said “{words}”.")
        time.sleep(0.1)


def _presses(
    visitor: Session, page: str, press: Callable[[Session, int], float], count: int
) -> list[float]:
    visitor.visit(page, QUERIES.get(page, ""))
    _settle(visitor, page)
    found = []
    for number in range(count + 1):
        time.sleep(PAUSE_SECONDS)
        found.append(press(visitor, number))
    return found[1:]  # the first may load what the page needs once


def _settle(visitor: Session, page: str) -> None:
    """Until the page has loaded its network in the background."""
    key = {"inspect": "next_image", "draw": "drawing_board"}.get(page)
    deadline = time.monotonic() + 120
    while key is not None and not visitor.has(key):
        if time.monotonic() > deadline:
            raise RuntimeError(f"/{page} has no “{key}”.")
        time.sleep(0.1)


# Whoever has drawn a digit is shown that on Look inside, which has no next image.
QUERIES = {"inspect": "image=0"}
# What is pressed on each page.
PAGES: dict[str, Callable[[Any, int], float]] = {
    "": lambda visitor, _: visitor.rerun(),
    "train": lambda visitor, _: visitor.rerun(),
    "inspect": lambda visitor, _: visitor.press("next_image"),
    "draw": lambda visitor, number: visitor.draw(number % 10),
    "explore": lambda visitor, _: visitor.rerun(),
}


def _report(times: dict[tuple[str, str], list[float]]) -> dict[str, Any]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    pages = {}
    for page in PAGES:
        idle = 1000 * statistics.median(times[page, "idle"])
        busy = 1000 * statistics.median(times[page, "busy"])
        pages["/" + page] = {"idle_ms": idle, "busy_ms": busy, "ratio": busy / idle}
        print(f"  /{page:<9} idle {idle:5.0f} ms   busy {busy:5.0f} ms   ratio {busy / idle:4.2f}")
    print(f"  average number of processes that wanted a core in the last minute: {load:.1f}")
    return {"pages": pages, "load": load}
