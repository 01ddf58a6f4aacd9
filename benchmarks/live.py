"""Does looking at a network while it trains cost anything? Watched runs against unwatched ones.

Each run trains as in the app: engine, worker process, events, snapshots and store, in a new
MNIST_LAB_HOME. A watcher does what a page with the live view does: it asks the engine for the
newest frame as often as the page does, and makes of each what is sent to a browser. Several
watchers look at different digits, one of them at gradients, so that none gets another's frame.

After one warm-up of each kind, runs without, with one and with several watchers alternate, so that
a slow spell of the machine meets all. The figure is the time of the whole run; the ratio is that of
the medians, and beside it stands the median of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks._sides import ENDED
from mnist_core import PRESETS, Experiment
from mnist_core.data import mnist
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
from mnist_core.training.live_view import View

SUMMARY = "training that somebody watches against training that nobody watches"
# As pages/views/train/live_network.py has it.
REFRESH_SECONDS = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--preset", choices=list(PRESETS), default="cnn")
    parser.add_argument("--watchers", type=int, nargs="+", default=[1, 4], help="default: 1 4")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each kind (default 5)")
    parser.add_argument("--epochs", type=int, default=2, help="epochs a run (default 2)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print a line for each number of watchers, and return the same figures."""
    data = json.loads(PRESETS[args.preset].to_json())
    data["training"]["epochs"] = args.epochs
    experiment = Experiment.from_json(json.dumps(data))
    kinds = [0, *args.watchers]
    walls: dict[int, list[float]] = {kind: [] for kind in kinds}
    rates: dict[int, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder:
        store = Store(home=Path(folder))
        engine = Engine(store)
        try:
            for turn in range(args.repeats + 1):
                for kind in kinds:
                    wall, rate = _train(store, engine, experiment, kind)
                    if turn:  # the first of each kind also compiles
                        walls[kind].append(wall)
                        rates[kind].append(rate)
                print(f"  {turn or 'warm-up'}", flush=True)
        finally:
            engine.close()
    return _report(args.preset, walls, rates)


def _report(
    preset: str, walls: dict[int, list[float]], rates: dict[int, list[float]]
) -> dict[str, Any]:
    alone = statistics.median(walls[0])
    print(f"{preset}: {alone:.2f} s unwatched")
    report: dict[str, Any] = {"preset": preset, "unwatched": alone, "walls": walls}
    for kind in [kind for kind in walls if kind]:
        ratio = statistics.median(walls[kind]) / alone
        paired = statistics.median(a / b for a, b in zip(walls[kind], walls[0], strict=True))
        rate = statistics.median(rates[kind])
        print(
            f"  {kind} watching: {ratio:.3f} times as long (paired {paired:.3f}), "
            f"each sees {rate:.1f} frames/s"
        )
        report[f"ratio_{kind}"], report[f"paired_{kind}"] = ratio, paired
        report[f"frames_a_second_{kind}"] = rate
    return report


def _train(
    store: Store, engine: Engine, experiment: Experiment, watchers: int
) -> tuple[float, float]:
    """Seconds of a whole run, and how many frames a second each of the watchers saw."""
    images = mnist.load().x_test
    run_id, over = engine.start(experiment), threading.Event()
    while (record := store.run(run_id)) is None or record.step == 0:
        time.sleep(0.02)
    began, seen = time.perf_counter(), [0] * watchers
    views = [View(images[i].tobytes(), None, gradients=i == 3) for i in range(watchers)]
    threads = [
        threading.Thread(target=_watch, args=(engine, run_id, view, over, seen, place))
        for place, view in enumerate(views)
    ]
    for thread in threads:
        thread.start()
    while (record := store.run(run_id)) is None or record.status not in ENDED:
        time.sleep(0.02)
    wall = time.perf_counter() - began
    over.set()
    for thread in threads:
        thread.join()
    if record.status != "finished":
        raise RuntimeError(f"The run {record.status}: {record.message}")
    return wall, sum(seen) / max(1, watchers) / wall


def _watch(
    engine: Engine, run_id: str, view: View, over: threading.Event, seen: list[int], place: int
) -> None:
    """Ask as a page does, and count the frames that differ from the one before."""
    before: dict[str, Any] | None = None
    while not over.wait(REFRESH_SECONDS):
        frame = engine.watch(run_id, view)
        if frame is not None:
            json.dumps({**frame, "data": base64.b64encode(frame["data"]).decode()})
            seen[place] += frame is not before
        before = frame
