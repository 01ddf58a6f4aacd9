"""Accuracy of `best`, and the gain from each of its ingredients.

Trains the preset from each seed as the app does and tests it once at the end. Its settings were
chosen on validation images alone: with `--validate` a tenth of the training images is set aside,
the test images are never looked at, and `--without NAME` leaves an ingredient out, so that the
choice can be made again.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from mnist_core import PRESETS, Experiment, train
from mnist_core.experiment.layers import LayerSpec
from mnist_core.experiment.spec import Augmentation, TrainingSpec
from mnist_core.training.events import Epoch, Failed, Finished

SUMMARY = "test accuracy and minutes of the most accurate preset, over several seeds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    parser.add_argument("--seeds", type=int, default=3, help="how many (%(default)s)")
    parser.add_argument("--epochs", type=int, help="instead of the preset's")
    parser.add_argument(
        "--validate", action="store_true", help="judge by a tenth of the training images instead"
    )
    parser.add_argument(
        "--without", choices=list(_INGREDIENTS), action="append", help="leave an ingredient out"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train, print each seed and the median; returns the same figures."""
    experiment = PRESETS["best"]
    for name in args.without or ():
        experiment = _INGREDIENTS[name](experiment)
        print(f"  without {name}")
    changes = {"epochs": args.epochs} if args.epochs else {}
    results = [_train_once(experiment, seed, changes, args.validate) for seed in range(args.seeds)]
    median = statistics.median(result["accuracy"] for result in results)
    minutes, cpu_minutes = (
        statistics.median(result[name] for result in results) for name in ("minutes", "cpu_minutes")
    )
    images = "validation" if args.validate else "test"
    print(
        f"  median of {len(results)} seeds: {median:.3%} of the {images} images, "
        f"{minutes:.1f} min ({cpu_minutes:.1f} of one core)"
    )
    return {
        "images": images,
        "median": median,
        "minutes": minutes,
        "cpu_minutes": cpu_minutes,
        "seeds": results,
    }


def _train_once(
    experiment: Experiment, seed: int, changes: dict[str, Any], validate: bool
) -> dict[str, float]:
    changes = changes | {"seed": seed}
    if validate:
        changes["validation_share"] = 0.1
    experiment = _with_training(experiment, **changes)
    began, cpu_began = time.perf_counter(), time.process_time()
    accuracy = None
    for event in train(experiment):
        if isinstance(event, Epoch) and validate:
            accuracy = event.val_accuracy
        elif isinstance(event, Finished) and not validate:
            accuracy = event.test_accuracy
        elif isinstance(event, Failed):
            raise RuntimeError(event.reason)
    assert accuracy is not None, "Every run ends with its accuracy"
    minutes = (time.perf_counter() - began) / 60
    cpu_minutes = (time.process_time() - cpu_began) / 60
    print(
        f"  seed {seed}: {accuracy:.3%}, {minutes:.1f} min ({cpu_minutes:.1f} of one core)",
        flush=True,
    )
    return {"accuracy": accuracy, "minutes": minutes, "cpu_minutes": cpu_minutes}


def _with_training(experiment: Experiment, **changes: Any) -> Experiment:
    training = TrainingSpec.model_validate(experiment.training.model_dump() | changes)
    return experiment.model_copy(update={"training": training})


def _without_layer(kind: str) -> Callable[[Experiment], Experiment]:
    def change(experiment: Experiment) -> Experiment:
        kept: tuple[LayerSpec, ...] = tuple(
            layer for layer in experiment.network.layers if layer.kind != kind
        )
        network = experiment.network.model_copy(update={"layers": kept})
        return experiment.model_copy(update={"network": network})

    return change


_INGREDIENTS: dict[str, Callable[[Experiment], Experiment]] = {
    "augmentation": lambda e: _with_training(e, augmentation=Augmentation()),
    "elastic": lambda e: _with_training(
        e, augmentation=e.training.augmentation.model_copy(update={"elastic": 0.0})
    ),
    "one-cycle": lambda e: _with_training(
        e, schedule="constant", learning_rate=e.training.learning_rate / 4
    ),
    "label-smoothing": lambda e: _with_training(e, label_smoothing=0.0),
    "batch-norm": _without_layer("batch_norm"),
}
