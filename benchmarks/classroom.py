"""Waits of a class: thirty pupils who press *Start training* one after the other.

A server with `MNIST_LAB_PUBLIC=1`, started as a person would, and a session for each pupil, with a
websocket and a cookie of its own, on the Train page. All press within `--arrive` seconds, and stay
on the page until their run has ended. A wait is from the press until the page says that the run
trains; the curve is complete when it says that the run has finished. What the page says of the wait
right after the press is compared with the wait that came. `--kind mixed`: presets and changes of
them, as in a lesson where everyone tries something else.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks._server import new_server

if TYPE_CHECKING:
    from benchmarks._sessions import Session

SUMMARY = "how long thirty pupils wait who start at once, and how good the expected waits are"
# Links as a teacher would hand them out.
TWO_LAYERS = ("preset=two-layer",)
MIXED = (
    "preset=two-layer",
    "preset=two-layer&epochs=2",
    "layers=flatten;dense(units:64)",
    "layers=flatten;dense(units:300)&epochs=3",
    "layers=flatten;dense(units:128);dense(units:128)&batch_size=64&epochs=3",
    "layers=flatten;dense(units:32)&optimizer=sgd&learning_rate=0.1&training_images=10000",
    "layers=conv(filters:8);max_pool;flatten&epochs=1&training_images=20000",
    "preset=overfit&epochs=5",
)
LONGEST = 900.0
# At the latest: a pupil looks whenever the page has changed.
LOOK_SECONDS = 0.5
_TIME = r"(?:(\d+) h )?(?:(\d+) min)?(?: ?(\d+) s)?"
_WAIT = re.compile(rf"starts in (?:about {_TIME}|{_TIME} to {_TIME})(?:$|\W)", re.MULTILINE)


@dataclass
class Pupil:
    """The events of one pupil, in seconds from the press."""

    said: tuple[float, float] | None = None
    started: float | None = None
    finished: float | None = None
    error: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--pupils", type=int, default=30, help="how many (%(default)s)")
    parser.add_argument("--arrive", type=float, default=10, help="all press within, seconds")
    parser.add_argument("--kind", choices=["same", "mixed"], default="same")
    parser.add_argument("--seed", type=int, default=0, help="of order and choice (%(default)s)")
    parser.add_argument("--settle", type=float, default=45,
                        help="seconds from the server's start to the first press")  # fmt: skip


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Let the class train, print what it waited, and return the same figures."""
    from benchmarks import _sessions
    from benchmarks._sessions import open_sessions

    _sessions.TIMEOUT = LONGEST  # a slow answer is a figure here, not an error
    chance = random.Random(args.seed)
    links = TWO_LAYERS if args.kind == "same" else MIXED
    chosen = [links[number % len(links)] for number in range(args.pupils)]
    chance.shuffle(chosen)
    pupils = [Pupil() for _ in chosen]
    with new_server({"MNIST_LAB_PUBLIC": "1"}) as server, ExitStack() as stack:
        server.start()
        ready = time.monotonic() + args.settle
        sessions = stack.enter_context(open_sessions(server.url, args.pupils))
        for number, session in enumerate(sessions):
            session.visit("train", f"{chosen[number]}&seed={number}")
        time.sleep(max(0.0, ready - time.monotonic()))
        threads = [
            threading.Thread(target=_start, args=(session, pupil, chance.uniform(0, args.arrive)))
            for session, pupil in zip(sessions, pupils, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return _report(pupils)


def _start(session: Session, pupil: Pupil, after: float) -> None:
    """One pupil's thread: press, and look at the page until the run has ended."""
    time.sleep(after)
    pressed = time.monotonic()
    try:
        session.press("start_training")
        while pupil.finished is None and time.monotonic() - pressed < LONGEST:
            words, now = session.text(), time.monotonic() - pressed
            if pupil.said is None and (found := _WAIT.search(words)):
                pupil.said = _seconds(found)
            if pupil.started is None and any(f"**{w}**" in words for w in ("running", "finished")):
                pupil.started = now
            if "**finished**" in words:
                pupil.finished = now
            if "**failed**" in words or "**stopped**" in words:
                pupil.error = words
                return
            session.wait(LOOK_SECONDS)
    except Exception as error:  # whatever it is, it is a pupil's error
        pupil.error = f"{type(error).__name__}: {error}"


def _seconds(found: re.Match[str]) -> tuple[float, float]:
    """The shortest and the longest wait that a page's words mean."""
    times = [found.group(*range(first, first + 3)) for first in (1, 4, 7)]
    whole = [
        sum(int(part or 0) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
        for parts in times
        if any(parts)
    ]
    return float(whole[0]), float(whole[-1])


def _report(pupils: list[Pupil]) -> dict[str, Any]:
    waits = [pupil.started for pupil in pupils if pupil.started is not None]
    ends = [pupil.finished for pupil in pupils if pupil.finished is not None]
    told = [(pupil.said, pupil.started) for pupil in pupils if pupil.said and pupil.started]
    within = sum(_is_within(said, wait) for said, wait in told)
    figures: dict[str, Any] = {"pupils": len(pupils), "waits": waits, "ends": ends, "told": told}
    for name, found in (("wait", waits), ("curve complete", ends)):
        if len(found) > 1:
            cuts = statistics.quantiles(found, n=100, method="inclusive")
            figures[name] = {"p50": cuts[49], "p95": cuts[94], "max": max(found)}
            print(f"  {name:<16} p50 {cuts[49]:6.1f} s   p95 {cuts[94]:6.1f} s   "
                  f"last {max(found):6.1f} s")  # fmt: skip
    print(f"  the expected wait was within a factor of two for {within} of {len(told)}")
    for said, wait in sorted(told, key=lambda pair: pair[1]):
        print(f"    said {said[0]:4.0f} to {said[1]:4.0f} s, waited {wait:6.1f} s"
              f"{'' if _is_within(said, wait) else '   off'}")  # fmt: skip
    errors = [pupil.error for pupil in pupils if pupil.error]
    print(f"  {len(errors)} errors", *sorted(set(errors))[:5], sep="\n    ")
    return figures | {"within": within, "errors": errors}


def _is_within(said: tuple[float, float], wait: float) -> bool:
    """True when the middle of what was said is within a factor of two of the wait that came."""
    middle = max(1.0, (said[0] * said[1]) ** 0.5)
    return 0.5 <= middle / max(1.0, wait) <= 2
