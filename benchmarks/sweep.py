"""Time of a grid of small networks, and until its first result.

1. A grid of 5 learning rates by 5 layer sizes of the two-layer network on 10,000 images with 3
   seeds, 75 trainings, on the server's own worker process: from the start of the study to its end,
   and to the first trial that has ended. TensorFlow is loaded already, as on a server that has been
   up for some seconds; nothing is compiled. `--epochs` says how long each trains (by default as
   long as the preset, 5).
2. A grid as a person starts it, in a browser, with the values that the form suggests (32 to 512
   units): from the click on *Start study* to the first cell of the heat map, and to the end
   (`--no-page` leaves it out).
3. The same on a cluster: trials per minute with 1, 2 and 4 worker processes on this machine, which
   share its cores, each with its share of the threads. Each begins with nothing compiled.

Everything is real: Optuna proposes, workers train, each event is stored (SQLite in a new
MNIST_LAB_HOME, or the database that `--database` names).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks._browser import new_browser
from benchmarks._cluster import cluster
from benchmarks._server import new_server
from mnist_core import PRESETS
from mnist_core.engine.engine import Engine
from mnist_core.experiment import search_space
from mnist_core.experiment.study import StudySpec
from mnist_core.storage.store import Store
from mnist_core.studies import records
from mnist_core.studies.optuna_adapter import Search
from mnist_core.studies.runner import StudyRunner

if TYPE_CHECKING:
    from tests.e2e.server import Server

SUMMARY = "75 trainings of small networks: time to the first result and to the last"
RATES, UNITS = (0.0003, 0.001, 0.003, 0.01, 0.03), (16, 32, 64, 128, 256)
IMAGES = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--epochs", type=int, default=5, help="epochs a training (default 5)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds a combination (default 3)")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4],
                        help="worker processes of the cluster (default 1 2 4)")  # fmt: skip
    parser.add_argument("--no-page", action="store_true", help="measure nothing in a browser")
    parser.add_argument("--database", help="an SQLAlchemy URL (default: SQLite)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure and print; returns the same figures."""
    spec = sweep(args.epochs, args.seeds)
    print(f"\n{spec.grid_size} trainings of {args.epochs} epochs on {IMAGES:,} images, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with _lab(0, args.database) as runner:
        first, whole = _time(runner, spec)
    print(f"  own worker   first result {first:5.1f} s   all {whole:5.1f} s   "
          f"{60 * spec.grid_size / whole:5.0f} trials/min", flush=True)  # fmt: skip
    report: dict[str, Any] = {"first": first, "whole": whole, "workers": {}}
    if not args.no_page:
        first, whole = on_screen(args.epochs, args.seeds)
        report |= {"first_on_screen": first, "whole_on_screen": whole}
        print(f"  on screen    first result {first:5.1f} s   all {whole:5.1f} s, "
              f"load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    for workers in args.workers:
        with _lab(workers, args.database) as runner:
            first, whole = _time(runner, spec)
        rate = 60 * spec.grid_size / whole
        report["workers"][workers] = rate
        print(f"  {workers} worker(s)  first result {first:5.1f} s   all {whole:5.1f} s   "
              f"{rate:5.0f} trials/min, load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    return report


def sweep(epochs: int, seeds: int) -> StudySpec:
    """The study: learning rate by units by seed."""
    changes = {"training.training_images": IMAGES, "training.epochs": epochs}
    base = search_space.apply(PRESETS["two-layer"], changes)
    known = {knob.path: knob for knob in search_space.knobs(base)}
    varied: dict[str, tuple[float, ...]] = {}
    varied |= {"training.learning_rate": RATES, "network.layers.1.units": UNITS}
    if seeds > 1:
        varied["training.seed"] = tuple(range(seeds))
    return StudySpec.parse(
        base=base,
        vary=tuple(search_space.vary_over(known[path], values) for path, values in varied.items()),
        sampler="grid",
        trials=1_000,
    )


def _time(runner: StudyRunner, spec: StudySpec) -> tuple[float, float]:
    """Seconds to the first result and to the last."""
    began, first = time.perf_counter(), 0.0
    study_id = runner.start(spec)
    while (study := records.get(runner.store, study_id)) is not None and study.active:
        if not first and any(t.results for t in Search(runner.store, study_id, spec).trials()):
            first = time.perf_counter() - began
        time.sleep(0.05)
    whole = time.perf_counter() - began
    trials = Search(runner.store, study_id, spec).trials()
    if study is None or sum(trial.state == "finished" for trial in trials) != spec.grid_size:
        raise RuntimeError(f"The study {study and study.status}: {study and study.message}")
    return first, whole


def on_screen(epochs: int, seeds: int) -> tuple[float, float]:
    """Seconds from the click that starts the study to its first cell, and to its end."""
    from tests.e2e.helpers import open_page, part, press

    def fill(key: str, value: int) -> None:
        field = part(page, key).locator("input").first
        field.fill(str(value))
        field.press("Enter")

    with new_server() as server, new_browser() as browser:
        server.start()
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(600_000)
        open_page(page, f"{server.url}/explore")
        page.get_by_role("tab", name="Studies").click()
        page.get_by_role("radio", name="Two settings").click()
        for key, value in (("study_images", IMAGES), ("study_epochs", epochs),
                           ("study_seeds", seeds)):  # fmt: skip
            fill(key, value)
        count = len(RATES) * len(UNITS) * seeds
        page.get_by_text(f"{count} trainings").wait_for()
        _let_the_worker_load(server)
        began = time.perf_counter()
        press(page, "start_study")
        page.wait_for_function(_A_CELL_IS_FILLED)
        first = time.perf_counter() - began
        page.get_by_text(f"{count} of {count} trials").wait_for()
        return first, time.perf_counter() - began


_A_CELL_IS_FILLED = """() => [...document.querySelectorAll(
  ".st-key-compare_heat .js-plotly-plot")].some((plot) =>
  plot._fullData?.[0]?.z?.some((row) => Array.from(row).some(Number.isFinite)))"""


def _let_the_worker_load(server: Server) -> None:
    """Wait until the processes below the server have nothing to do: TensorFlow is loaded."""
    quiet = 0
    while quiet < 4:
        workers = [psutil.Process(pid) for pid in server.worker_pids()]
        before = sum(sum(worker.cpu_times()[:2]) for worker in workers)
        time.sleep(0.5)
        after = sum(sum(worker.cpu_times()[:2]) for worker in workers)
        quiet = quiet + 1 if workers and after - before < 0.1 else 0


@contextmanager
def _lab(processes: int, database: str | None) -> Iterator[StudyRunner]:
    """A server with so many workers of a cluster, or its own one, all with TensorFlow loaded."""
    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder, ExitStack() as stack:
        scheduler = None
        if processes:
            threads = max(1, (os.cpu_count() or 1) // processes)
            scheduler = stack.enter_context(cluster(Path(folder), processes, threads=threads))
        store = Store(database, home=Path(folder))
        stack.callback(store.close)
        engine = Engine(store, scheduler=scheduler)
        stack.callback(engine.close)
        runner = StudyRunner(engine)
        stack.callback(runner.close)
        _load_tensorflow(runner, max(1, processes))
        yield runner


def _load_tensorflow(runner: StudyRunner, workers: int) -> None:
    """Train a network of another kind on each worker."""
    runner.engine.warm()
    while len(runner.engine.workers()) < workers:
        time.sleep(0.05)
    base = search_space.apply(PRESETS["zeros"], {"training.training_images": 100})
    for _ in range(workers):
        runner.engine.start(base)
    while runner.store.active_runs():
        time.sleep(0.05)
