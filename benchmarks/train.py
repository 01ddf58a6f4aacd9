"""Does watching cost anything? One epoch in MNIST Lab against plain `model.fit`.

A: the experiment in MNIST Lab, as the app runs it: engine, worker process, events, snapshots and
   store, in a new MNIST_LAB_HOME.
B: the same model, optimiser, batch size and images with `model.compile` and `model.fit` in a
   process of its own: NumPy arrays, Keras's defaults, no output.

After one warm-up of each, the runs alternate A B A B …, so that a slow spell of the machine
meets both. Plain Keras compiles for each new model, as everyone's `fit` does; our worker keeps
the compiled program, so that only the warm-up compiles. `training` is the epochs' training steps
alone (on our side the epoch events' `seconds`), `later` the epochs after the first, in which
neither side compiles (with --epochs 2 or more), and `whole run` everything from the start of the
run to its test accuracy, validation, snapshots and storage included.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

from benchmarks._sides import Result, here_side, plain_side
from mnist_core import PRESETS, Experiment
from mnist_core.training.precision import choose_precision

SUMMARY = "one epoch here against plain model.fit of the same model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument(
        "--preset", choices=list(PRESETS), action="append", help="default: two-layer and cnn"
    )
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--epochs", type=int, default=1, help="epochs a run (default 1)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure each preset and print a table; returns the same figures."""
    return {
        name: compare(name, args.repeats, args.epochs)
        for name in args.preset or ("two-layer", "cnn")
    }


def compare(preset: str, repeats: int, epochs: int) -> dict[str, Any]:
    """Both sides of one preset, interleaved; medians, ratios and final accuracies."""
    experiment = _with_epochs(PRESETS[preset], epochs)
    precision = choose_precision(experiment)
    print(f"\n{preset}: {repeats} × {epochs} epoch(s), computed here in {precision}")
    _say_what_differs(experiment, precision)
    here: list[Result] = []
    plain: list[Result] = []
    with here_side() as train_here, plain_side() as fit_plain:
        train_here(experiment), fit_plain(experiment)
        for turn in range(repeats):
            here.append(train_here(experiment))
            plain.append(fit_plain(experiment))
            print(
                f"  {turn + 1}: here {here[-1]['seconds']:.2f} s, "
                f"model.fit {plain[-1]['seconds']:.2f} s",
                flush=True,
            )
    report: dict[str, Any] = {"precision": precision, "epochs": epochs, "here": here}
    report["plain"] = plain
    rows = [("seconds", "training"), ("wall", "whole run")]
    for key, label in [*rows, ("later", "later")] if epochs > 1 else rows:
        a, b = _median(here, key), _median(plain, key)
        report[f"{key}_ratio"] = a / b
        print(f"  {label:<9} here {a:6.2f} s   model.fit {b:6.2f} s   ratio {a / b:.2f}")
    a, b = _median(here, "test_accuracy"), _median(plain, "test_accuracy")
    print(f"  test      here {a:7.2%}   model.fit {b:7.2%}")
    return report | {"test_accuracy_here": a, "test_accuracy_plain": b}


def _with_epochs(experiment: Experiment, epochs: int) -> Experiment:
    data = json.loads(experiment.to_json())
    data["training"]["epochs"] = epochs
    return Experiment.from_json(json.dumps(data))


def _say_what_differs(experiment: Experiment, precision: str) -> None:
    """Plain `fit` has no schedule or augmentation: say so rather than compare in silence."""
    training = experiment.training
    differs = {
        f"the precision {precision}": precision != "float32",
        "the augmentation": training.augmentation.active,
        f"the {training.schedule} schedule": training.schedule != "constant",
        "label smoothing": training.label_smoothing > 0,
    }
    if found := [what for what, is_so in differs.items() if is_so]:
        print(f"  only here, not in model.fit: {', '.join(found)}")


def _median(results: list[Result], key: str) -> float:
    return statistics.median(result[key] for result in results)
