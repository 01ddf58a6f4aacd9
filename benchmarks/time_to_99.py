"""From pressing start to 99% on the test images: `fast-99` against the tutorial's network.

A: `fast-99` as the app runs it: engine, warm worker, events, snapshots and store, until the test
   accuracy stands in the store. A seed that ends below 99.0% counts as not reached.
B: the convolutional network of Keras's MNIST tutorial (32 and 64 3×3 filters, 2×2 pooling,
   dropout 0.5, Adam, batches of 128, a tenth of the images for validation) with `model.compile`
   and `model.fit` in a process of its own, tested after each epoch until the first at 99.0%.

One seed after the other, A B A B …. Both sides have run once before: our worker keeps the
compiled program, and plain Keras has its libraries loaded; `first` is our side's time with the
compilation.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from benchmarks._sides import Result, here_side, plain_side
from mnist_core import PRESETS, Experiment

SUMMARY = "from pressing start to 99% on the test images, against Keras's tutorial network"
TARGET = 0.99
MOST_EPOCHS = 20  # of the tutorial's network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--seeds", type=int, default=10, help="seeds here (default 10)")
    parser.add_argument(
        "--plain-seeds", type=int, default=5, help="of these, also with plain Keras (default 5)"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Race, print each seed and the ratio of the medians; returns the same figures."""
    here: list[Result] = []
    plain: list[Result] = []
    with here_side() as train_here, plain_side() as fit_plain:
        first = train_here(_seeded("fast-99", 0))
        fit_plain(_seeded("two-layer", 0))
        for seed in range(args.seeds):
            here.append(train_here(_seeded("fast-99", seed)))
            line = f"  seed {seed}: here {_words(here[-1])}"
            if seed < args.plain_seeds:
                plain.append(fit_plain(_seeded("cnn", seed, MOST_EPOCHS), until=TARGET))
                line += f"   tutorial {_words(plain[-1])}, {plain[-1]['epochs']} epochs"
            print(line, flush=True)
    return _report(first, here, plain)


def _seeded(preset: str, seed: int, epochs: int | None = None) -> Experiment:
    experiment = PRESETS[preset]
    changes = {"seed": seed, "epochs": epochs or experiment.training.epochs}
    training = experiment.training.model_copy(update=changes)
    return experiment.model_copy(update={"training": training})


def _words(result: Result) -> str:
    return f"{result['wall']:6.2f} s, {result['test_accuracy']:.2%}"


def _report(first: Result, here: list[Result], plain: list[Result]) -> dict[str, Any]:
    reached = sum(result["test_accuracy"] >= TARGET for result in here)
    seconds = statistics.median(result["wall"] for result in here)
    report: dict[str, Any] = {
        "first_seconds": first["wall"],
        "seconds": seconds,
        "reached": reached,
        "seeds": len(here),
        "here": here,
        "plain": plain,
    }
    print(
        f"  here {seconds:.2f} s (median; the first, with compilation, {first['wall']:.2f} s), "
        f"{TARGET:.1%} reached by {reached} of {len(here)} seeds"
    )
    if plain:
        other = statistics.median(result["wall"] for result in plain)
        report |= {"plain_seconds": other, "ratio": other / seconds}
        print(f"  tutorial {other:.2f} s: {other / seconds:.1f} times as long")
    return report
