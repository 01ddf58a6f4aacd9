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
run to its test accuracy, validation, snapshots and storage included. A ratio (`seconds_ratio`,
`later_ratio` and `wall_ratio` in the JSON file) is the other side's median over ours: 2 says that
MNIST Lab is twice as fast.

With `--against torch` PyTorch takes part as a third side, tuned (see `_torch.py`), for `two-layer`
and `cnn`; `--torch-python` names an interpreter that has it, such as that of an environment of its
own. `of the product` is the share of the machine's fastest matrix product, measured before and
after, that the training steps reach.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

from benchmarks._sides import Result, here_side, plain_side, torch_side
from mnist_core import PRESETS, Experiment
from mnist_core.experiment.training_cost import PASSES, images_an_epoch, multiplications
from mnist_core.training.precision import choose_precision

SUMMARY = "one epoch here against plain model.fit of the same model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument(
        "--preset", choices=list(PRESETS), action="append", help="default: two-layer and cnn"
    )
    parser.add_argument("--repeats", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--epochs", type=int, default=1, help="epochs a run (default 1)")
    parser.add_argument("--against", choices=("torch",), help="let PyTorch take part, too")
    parser.add_argument(
        "--torch-python", default=sys.executable, metavar="FILE", help="the interpreter with it"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure each preset and print a table; returns the same figures."""
    torch_python = args.torch_python if args.against == "torch" else None
    return {
        name: compare(name, args.repeats, args.epochs, torch_python)
        for name in args.preset or ("two-layer", "cnn")
    }


def compare(
    preset: str, repeats: int, epochs: int, torch_python: str | None = None
) -> dict[str, Any]:
    """The sides of one preset, interleaved; medians, ratios and final accuracies."""
    experiment = _with_epochs(PRESETS[preset], epochs)
    precision = choose_precision(experiment)
    print(f"\n{preset}: {repeats} × {epochs} epoch(s), computed here in {precision}")
    _say_what_differs(experiment, precision)
    before = _product()
    with ExitStack() as stack:
        sides = {"here": stack.enter_context(here_side())}
        sides["model.fit"] = stack.enter_context(plain_side())
        if torch_python:
            sides["PyTorch"] = stack.enter_context(torch_side(torch_python))
        for train in sides.values():
            train(experiment)
        results: dict[str, list[Result]] = {name: [] for name in sides}
        for turn in range(repeats):
            for name, train in sides.items():
                results[name].append(train(experiment))
            times = (f"{name} {results[name][-1]['seconds']:.2f} s" for name in sides)
            print(f"  {turn + 1}: {', '.join(times)}", flush=True)
    report: dict[str, Any] = {"precision": precision, "epochs": epochs, **results}
    report |= _compared(results, epochs)
    if torch_python:
        print(f"  PyTorch's fastest way: {results['PyTorch'][-1]['way']}")
    return report | _share(experiment, report["seconds"]["here"], precision, before, _product())


def _compared(results: dict[str, list[Result]], epochs: int) -> dict[str, dict[str, float]]:
    """The sides' medians, and how many times as long as here each of the others takes."""
    report: dict[str, dict[str, float]] = {}
    rows = [("seconds", "training"), ("wall", "whole run")]
    for key, label in [*rows, ("later", "later")] if epochs > 1 else rows:
        medians = {name: _median(found, key) for name, found in results.items()}
        here = medians["here"]
        ratios = {name: value / here for name, value in medians.items() if name != "here"}
        report |= {key: medians, f"{key}_ratio": ratios}
        others = (f"{name} {medians[name]:6.2f} s ({ratios[name]:.2f} ×)" for name in ratios)
        print(f"  {label:<9} here {here:6.2f} s   {'   '.join(others)}")
    tests = {name: _median(found, "test_accuracy") for name, found in results.items()}
    print(f"  {'test':<9} {'   '.join(f'{name} {value:.2%}' for name, value in tests.items())}")
    return report | {"test_accuracy": tests}


def _product() -> dict[str, float]:
    """GFLOP/s of a matrix product in each number format, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks._product"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def _share(
    experiment: Experiment,
    seconds: float,
    precision: str,
    *products: dict[str, float],
) -> dict[str, float]:
    """What the training steps compute a second, beside the machine's matrix product."""
    training = experiment.training
    first = next(row.multiplications for row in experiment.network.shapes() if row.multiplications)
    an_image = PASSES * multiplications(experiment) - first  # the input needs no gradient
    images = training.epochs * images_an_epoch(training)
    found = 2 * an_image * images / seconds / 1e9
    product = max(speeds[precision] for speeds in products)
    print(
        f"  {found:.0f} GFLOP/s, {found / product:.0%} of the product of {precision} matrices "
        f"({product:.0f} GFLOP/s)"
    )
    return {"gflops": found, "product_gflops": product}


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
