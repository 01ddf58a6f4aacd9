"""Memory of a server's processes after many runs, and with many visitors.

Starts the app as a person would. First runs are trained, each of another network (dense and
convolutional by turns, so that each is compiled anew) and looked into once. Then sessions are
opened by Streamlit's protocol; each looks at every page, presses in Look inside and draws a digit.
They are measured while they are open, and once they are closed and Streamlit has let them go
(two minutes after). Each step is taken twice, so that one sees whether the memory levels off.
Last the `cnn` preset trains while three visitors use Train, Look inside and Draw; what counts is
the highest sum.

Figures are MB of proportional set size: memory shared by processes is counted once.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks._server import new_server
from mnist_core import PRESETS, Experiment, NetworkSpec, TrainingSpec
from mnist_core.experiment.layers import Conv, Dense, Flatten
from mnist_core.storage.store import Store

if TYPE_CHECKING:
    from benchmarks._sessions import Session
    from tests.e2e.server import Server

SUMMARY = "memory of a server's processes after many runs and with many visitors"
LET_GO_SECONDS = 125  # Streamlit keeps a closed session for two minutes
WAIT_SECONDS = 180.0
VIEWS = ("network", "weights", "edit", "backward", "mistakes", "robustness")
Megabytes = dict[str, float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--runs", type=int, nargs="*", default=[1, 10, 50],
                        help="measured after so many runs (default 1 10 50)")  # fmt: skip
    parser.add_argument("--sessions", type=int, nargs="*", default=[1, 10, 50],
                        help="open sessions (default 1 10 50)")  # fmt: skip
    parser.add_argument("--waves", type=int, default=2, help="how often they come (%(default)s)")
    parser.add_argument("--seconds", type=float, default=40, help="of the last part (%(default)s)")
    parser.add_argument("--let-go", type=float, default=LET_GO_SECONDS, metavar="SECONDS",
                        help="wait after closing sessions (%(default)s)")  # fmt: skip


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print each step's megabytes and return them."""
    from benchmarks._sessions import Session

    report: dict[str, Megabytes] = {}
    with new_server() as server:
        server.start()
        _say(report, "server started", server)
        with Session(server.url) as visitor:
            visitor.visit("")
            _say(report, "Learn shown", server)
            visitor.visit("train")
            _wait(lambda: bool(server.worker_pids()), "The worker does not start")
            _runs(report, server, visitor, args.runs)
        for wave in range(args.waves if args.sessions else 0):
            for count in args.sessions:
                _sessions(report, server, count, f"wave {wave + 1}, ", args.let_go)
        if args.seconds:
            _three_visitors(report, server, args.seconds)
    return {"mb": report}


def small_experiment(number: int) -> Experiment:
    """A quick run of a network that no other number has: dense for even ones, else a CNN."""
    if number % 2:
        layers: tuple[Any, ...] = (Conv(filters=4 + number // 2), Flatten(), Dense(units=16))
    else:
        layers = (Flatten(), Dense(units=16 + number // 2))
    training = TrainingSpec(training_images=1000, epochs=1, seed=number)
    return Experiment(network=NetworkSpec(layers=layers), training=training)


def long_cnn() -> Experiment:
    """The preset `cnn`, still training when a measurement beside it is over."""
    preset = PRESETS["cnn"]
    return preset.model_copy(update={"training": preset.training.model_copy(update={"epochs": 50})})


def memory(server: Server) -> Megabytes:
    """MB of the server, of workers, of the process that computes, and of all there are together."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    pids = [process.pid, *(child.pid for child in process.children(recursive=True))]
    found = {pid: _held(pid) for pid in pids}
    return {
        "server": found[process.pid],
        "worker": sum(found.get(pid, 0.0) for pid in server.worker_pids()),
        "computing": sum(found.get(pid, 0.0) for pid in server.computing_pids()),
        "sum": sum(found.values()),
    }


def _held(pid: int) -> float:
    """MB of one process: its proportional set size where the system tells it, else its own."""
    try:
        full = psutil.Process(pid).memory_full_info()
    except psutil.NoSuchProcess:
        return 0.0
    return float(getattr(full, "pss", full.uss)) / 1e6


def _say(report: dict[str, Megabytes], step: str, server: Server) -> None:
    found = report[step] = memory(server)
    words = "   ".join(f"{name} {value:6.0f}" for name, value in found.items())
    print(f"  {step:<36} {words} MB", flush=True)


def _wait(what: Any, sentence: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{sentence} (waited {WAIT_SECONDS:.0f} s)")
        time.sleep(0.2)


def _runs(
    report: dict[str, Megabytes], server: Server, visitor: Session, counts: list[int]
) -> None:
    """Train one network after the other; each is also looked into, as its learner would."""
    store = Store(home=server.home)
    for number in range(max(counts, default=0)):
        train(visitor, small_experiment(number))
        look_inside(visitor, "network", store.runs(limit=1)[0].id)
        if number + 1 in counts:
            _say(report, f"{number + 1} runs", server)
    store.close()


def train(visitor: Session, experiment: Experiment, *, until: str = "finished") -> None:
    """Start an experiment on the Train page and wait until the page names this status."""
    visitor.visit("train", experiment.to_query())
    visitor.press("start_training")
    _wait(lambda: f"**{until}**" in visitor.text(), f"The run does not come to be {until}")


def _sessions(
    report: dict[str, Megabytes], server: Server, count: int, wave: str, let_go: float
) -> None:
    from benchmarks._sessions import open_sessions

    with open_sessions(server.url, count) as visitors:
        for number, visitor in enumerate(visitors):
            for page in ("", "train", "explore"):
                visitor.visit(page)
            look_inside(visitor, VIEWS[number % len(VIEWS)])
            draw(visitor, number % 10)
        _say(report, f"{wave}{count} sessions open", server)
    time.sleep(let_go)
    with open_sessions(server.url, 1) as (last,):  # what is out of date goes when another comes
        last.visit("")
    _say(report, f"{wave}{count} sessions closed", server)


def look_inside(visitor: Session, view: str, run_id: str = "default") -> None:
    """Open a view of Look inside and go on to the next image once."""
    visitor.visit("inspect", f"run={run_id}&view={view}")
    _wait(lambda: visitor.has("next_image"), "Look inside does not come")
    visitor.press("next_image")


def draw(visitor: Session, digit: int) -> None:
    """Draw a digit on the Draw page, once its network is there."""
    visitor.visit("draw")
    _wait(lambda: visitor.has("drawing_board"), "The paper does not come")
    visitor.draw(digit)


def _three_visitors(report: dict[str, Megabytes], server: Server, seconds: float) -> None:
    """The highest sum while `cnn` trains and three visitors use three pages."""
    from benchmarks._sessions import open_sessions

    with ExitStack() as stack:
        at_train, inside, drawing = stack.enter_context(open_sessions(server.url, 3))
        train(at_train, long_cnn(), until="running")
        highest, number, until = memory(server), 0, time.monotonic() + seconds
        while time.monotonic() < until:
            look_inside(inside, VIEWS[number % len(VIEWS)])
            draw(drawing, number % 10)
            number += 1
            highest = max(highest, memory(server), key=lambda found: found["sum"])
        at_train.press("stop_training")
    report["cnn trains, 3 visitors, highest"] = highest
    words = "   ".join(f"{name} {value:6.0f}" for name, value in highest.items())
    print(f"  {'cnn trains, 3 visitors, highest':<36} {words} MB", flush=True)
