"""Does a shared server bear a class: many visitors at once, while two networks train?

A server with `MNIST_LAB_PUBLIC=1` and two workers on this machine; two visitors train `cnn`, and
`--sessions` others arrive within `--arrive` seconds. Each has a websocket and a cookie of its own
and does, again and again until the time is up, what people do: open a page, look at it for
`--think` seconds or so, go on to the next image in Look inside, draw a digit. Before they come,
one visitor has opened each page and view, as on a server that has been used. A time is from the
request until the server has answered in full. Memory is measured in four parts of that time: what
comes and goes with visitors must level off. The two trainings' steps a second are told for the time
before the visitors come, and with them.

With `--servers` several servers of the app share one PostgreSQL and the two workers, and visitors
are spread over them, as a proxy does.

With `--board` all of them are a class, its teacher included, and look at its board, which looks
again every three seconds; the time of each look is told.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks._cluster import cluster
from benchmarks._server import new_server
from mnist_core import PRESETS

if TYPE_CHECKING:
    from benchmarks._sessions import Session
    from mnist_core.storage.store import Store
    from tests.e2e.server import Server

Result = TypeVar("Result")

SUMMARY = "page times, errors and memory with 50 visitors while two networks train"
PARTS = 4
TRAININGS = 2
ALONE_SECONDS = 15.0
# By then a training has compiled what it needs, and that long it may take.
COMPILED_STEPS, COMPILED_SECONDS = 100, 120.0


class Times:
    """Seconds by what was asked for, and what went wrong; filled by many threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self._lock = threading.Lock()

    def note(self, what: str, action: Callable[[], float]) -> None:
        """Do it, and keep how long it took, or why it failed."""
        try:
            seconds = action()
        except Exception as error:  # whatever it is, it is a visitor's error
            with self._lock:
                self.errors.append(f"{what}: {type(error).__name__}: {error}"[:300])
            return
        with self._lock:
            self.seconds[what].append(seconds)

    def add(self, what: str, seconds: list[float]) -> None:
        """Keep times that were measured elsewhere."""
        with self._lock:
            self.seconds[what] += seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--sessions", type=int, default=50, help="visitors (%(default)s)")
    parser.add_argument("--seconds", type=float, default=180, help="how long (%(default)s)")
    parser.add_argument("--arrive", type=float, default=30, help="all are there by then, seconds")
    parser.add_argument("--board", action="store_true",
                        help="all are a class that watches its board")  # fmt: skip
    parser.add_argument("--servers", type=int, default=1,
                        help="of the app; several need PostgreSQL (%(default)s)")  # fmt: skip
    parser.add_argument("--think", type=float, default=8, help="a visitor's pause, seconds")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Let them all come, print times, errors and memory, and return the same figures."""
    from benchmarks._sessions import open_sessions
    from benchmarks.memory import long_cnn, train

    with _shared_lab(args.servers) as lab, ExitStack() as stack:
        for server in lab.servers:
            (first,) = stack.enter_context(open_sessions(server.url, 1))
            _use_everything(first)
        learners = [
            stack.enter_context(open_sessions(lab.server_of(number).url, 1))[0]
            for number in range(TRAININGS)
        ]
        for learner in learners:
            train(learner, long_cnn(), until="running")
        room = _open_class(lab, args.sessions) if args.board else None
        alone, _ = _speed(lab, lambda: time.sleep(ALONE_SECONDS))
        beside, (times, memory) = _speed(lab, lambda: _visits(lab, args, room))
        if still := sum("**running**" not in learner.text() for learner in learners):
            raise RuntimeError(f"{still} of the trainings ended before the visitors left.")
    print(
        f"  training: {beside:.0f} steps/s beside visitors, {alone:.0f} alone: {beside / alone:.0%}"
    )
    speeds = {"steps_per_second": beside, "steps_per_second_alone": alone}
    return {"memory": memory, "errors": times.errors} | speeds | _table(times)


@dataclass(frozen=True)
class _Lab:
    """Servers of the app that share one database: at `database`, or in the only one's home."""

    servers: tuple[Server, ...]
    database: str | None

    def server_of(self, visitor: int) -> Server:
        """The server that a visitor comes to."""
        return self.servers[visitor % len(self.servers)]

    @contextmanager
    def store(self) -> Iterator[Store]:
        """All runs."""
        from mnist_core.storage.store import Store

        store = Store(self.database, home=self.servers[0].home)
        try:
            yield store
        finally:
            store.close()

    def memory(self) -> dict[str, float]:
        """MB as `benchmarks.memory` tells, of all servers together."""
        from benchmarks.memory import memory

        found = [memory(server) for server in self.servers]
        return {name: sum(each[name] for each in found) for name in found[0]}


def _speed(lab: _Lab, action: Callable[[], Result]) -> tuple[float, Result]:
    """The steps a second of all runs while the action goes on, and what that returns.

    Raises RuntimeError when they do not get as far as that.
    """
    with lab.store() as store:

        def steps() -> int:
            return sum(run.step for run in store.active_runs())

        until = time.monotonic() + COMPILED_SECONDS
        while any(run.step < COMPILED_STEPS for run in store.active_runs()):
            if time.monotonic() > until:
                raise RuntimeError(
                    f"A training took no {COMPILED_STEPS} steps in {COMPILED_SECONDS:.0f} s."
                )
            time.sleep(0.1)
        before, began = steps(), time.monotonic()
        result = action()
        return (steps() - before) / (time.monotonic() - began), result


def _use_everything(first: Session) -> None:
    """Open each page and view once, so that what serves all visitors is there."""
    from benchmarks.memory import VIEWS, draw, look_inside

    for page in ("", *(f"?chapter={number}" for number in range(1, 10)), "train", "explore"):
        first.visit(*page.split("?"))
    for view in VIEWS:
        look_inside(first, view)
    draw(first, 5)


@contextmanager
def _shared_lab(count: int) -> Iterator[_Lab]:
    """So many public servers with one database and two workers."""
    from tests.support.postgres import postgres

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mnist-lab-bench-"))
        database = stack.enter_context(postgres()) if count > 1 else None
        threads = max(1, (os.cpu_count() or 1) // TRAININGS)
        scheduler = stack.enter_context(cluster(Path(folder), TRAININGS, threads=threads))
        settings = {"MNIST_LAB_PUBLIC": "1", "MNIST_LAB_SCHEDULER": scheduler}
        if database is not None:
            settings["MNIST_LAB_DATABASE"] = database
        servers = tuple(stack.enter_context(new_server(settings)) for _ in range(count))
        for server in servers:
            server.start()
        yield _Lab(servers, database)


@dataclass(frozen=True)
class _Class:
    """A class's code, and the tokens of those in it, its teacher first."""

    code: str
    tokens: tuple[str, ...]


def _open_class(lab: _Lab, size: int) -> _Class:
    """A class of so many with its teacher, each with a run that has ended."""
    from mnist_core.classrooms import classrooms
    from mnist_core.classrooms.codes import Guesses
    from mnist_core.training.loop import train
    from mnist_core.visitors.identity import new_token, owner_of

    tokens = tuple(new_token() for _ in range(size))
    short = PRESETS["two-layer"].training.model_copy(update={"epochs": 1})
    experiment = PRESETS["two-layer"].model_copy(update={"training": short})
    events, guesses = list(train(experiment)), Guesses()
    with lab.store() as store:
        room = classrooms.open_classroom(store, owner_of(tokens[0]), "The class")
        classrooms.change(store, owner_of(tokens[0]), room.id, shared=True)
        for number, token in enumerate(tokens[1:]):
            classrooms.join(store, owner_of(token), room.code, f"Pupil {number}", guesses)
            run = store.create_run(experiment, owner_of(token), "two-layer", server="bench")
            for event in events:
                store.record(run, event)
    return _Class(room.code, tokens)


def _visits(
    lab: _Lab, args: argparse.Namespace, room: _Class | None
) -> tuple[Times, list[dict[str, float]]]:
    """All visitors' doings, and the memory after each part of the time."""
    times, held, began = Times(), [], time.monotonic()
    until = began + args.arrive + args.seconds
    threads = [
        threading.Thread(
            target=_visitor, args=(lab.server_of(number).url, number, args, until, times, room)
        )
        for number in range(args.sessions)
    ]
    for thread in threads:
        thread.start()
    for part in range(PARTS + 1):
        time.sleep(max(0.0, began + args.arrive + part * args.seconds / PARTS - time.monotonic()))
        held.append(lab.memory())
        words = "   ".join(f"{name} {value:6.0f}" for name, value in held[-1].items())
        print(f"  after {time.monotonic() - began:4.0f} s   {words} MB", flush=True)
    for thread in threads:
        thread.join()
    return times, held


def _visitor(
    url: str,
    number: int,
    args: argparse.Namespace,
    until: float,
    times: Times,
    room: _Class | None,
) -> None:
    """One visitor's thread: comes, uses the pages by turns, and leaves."""
    from benchmarks._sessions import Session

    chance = random.Random(number)
    time.sleep(chance.uniform(0, args.arrive))
    try:
        session = Session(url, None if room is None else room.tokens[number])
    except Exception as error:
        times.errors.append(f"connect: {type(error).__name__}: {error}")
        return
    with session:
        if room is not None:
            times.note("page /explore", lambda: session.visit("explore", f"class={room.code}"))
            time.sleep(max(0.0, until - time.monotonic()))
            if "with a network" not in session.text():
                times.errors.append("The board is not there.")
            times.add("board", session.refreshes)
            return
        steps = [_browse, _inspect, _draw]
        while time.monotonic() < until:
            for what, action in chance.choice(steps)(session, chance):
                times.note(what, action)
                time.sleep(chance.uniform(0.5, 1.5) * args.think)
                if time.monotonic() > until:
                    return


Step = tuple[str, Callable[[], float]]


def _browse(session: Session, chance: random.Random) -> list[Step]:
    chapter = f"chapter={chance.randint(1, 9)}"
    pages = [("", ""), ("", chapter), ("train", "preset=cnn"), ("explore", "")]
    page, query = chance.choice(pages)
    return [(f"page /{page}", lambda: session.visit(page, query))]


def _inspect(session: Session, chance: random.Random) -> list[Step]:
    view = chance.choice(["network", "network", "weights", "backward", "mistakes", "edit"])
    # A test image: whoever has drawn a digit is shown that, which has no next one.
    query = f"view={view}&image={chance.randrange(10_000)}"
    look = ("page /inspect", lambda: session.visit("inspect", query))
    more = [("next image", lambda: session.press("next_image"))] * chance.randint(1, 3)
    return [look, *more]


def _draw(session: Session, chance: random.Random) -> list[Step]:
    digits = [chance.randint(0, 9) for _ in range(chance.randint(1, 3))]
    strokes = [("a drawing", lambda digit=digit: session.draw(digit)) for digit in digits]
    return [("page /draw", lambda: session.visit("draw")), *strokes]


def _table(times: Times) -> dict[str, Any]:
    rows: dict[str, dict[str, float]] = {}
    pages = [value for name, found in times.seconds.items() if "page" in name for value in found]
    for name, found in [*sorted(times.seconds.items()), ("all pages", pages)]:
        if len(found) < 2:
            continue
        cuts = statistics.quantiles(found, n=100, method="inclusive")
        rows[name] = {"count": len(found), "p50": cuts[49], "p95": cuts[94], "max": max(found)}
        print(
            f"  {name:<16} {len(found):5} times   p50 {cuts[49]:5.2f} s   p95 {cuts[94]:5.2f} s   "
            f"max {max(found):5.2f} s"
        )
    print(f"  {len(times.errors)} errors", *sorted(set(times.errors))[:10], sep="\n    ")
    return {"times": rows}
