"""The sides of a race: MNIST Lab as the app runs it, plain Keras and PyTorch on their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_core import Experiment
from mnist_core.data.mnist import MNIST_FILE
from mnist_core.engine.engine import Engine
from mnist_core.experiment.training_cost import images_an_epoch
from mnist_core.storage.store import Store

ENDED = ("finished", "stopped", "failed")
# As a page does. Looking 50 times a second took 0.2 s of a core from an epoch of `cnn`.
LOOK_SECONDS = 0.25
Result = dict[str, Any]


@contextmanager
def here_side() -> Iterator[Callable[[Experiment], Result]]:
    """A function that trains an experiment through engine and store, in a home of its own.

    Its results: `seconds` in training steps, `later` those after the first epoch, `wall` from
    the start to the test accuracy, and `test_accuracy`. The worker is warm.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-lab-bench-") as folder:
        store = Store(home=Path(folder))
        engine = Engine(store)
        engine.warm()
        try:
            yield lambda experiment: _train_here(store, engine, experiment)
        finally:
            engine.close()


def _train_here(store: Store, engine: Engine, experiment: Experiment) -> Result:
    began = datetime.now(UTC)
    run_id = engine.start(experiment)
    while (record := store.run(run_id)) is None or record.status not in ENDED:
        time.sleep(LOOK_SECONDS)
    if record.status != "finished" or record.test_accuracy is None or record.ended is None:
        raise RuntimeError(f"The run {record.status}: {record.message}")
    epochs = store.epochs(run_id)
    return {
        "seconds": sum(epoch.seconds for epoch in epochs),
        "later": sum(epoch.seconds for epoch in epochs[1:]),
        "wall": (record.ended - began).total_seconds(),
        "test_accuracy": record.test_accuracy,
    }


@contextmanager
def plain_side() -> Iterator[Callable[..., Result]]:
    """A function that trains an experiment with `model.fit` in a process of its own.

    With `until` the test images are looked at after every epoch, and training ends as soon as
    that accuracy is reached; the result then also has the number of `epochs`.
    """
    with _process(sys.executable, "-m", "benchmarks._plain") as ask:

        def fit(experiment: Experiment, until: float | None = None) -> Result:
            return ask({"experiment": json.loads(experiment.to_json()), "until": until})

        yield fit


@contextmanager
def torch_side(python: str) -> Iterator[Callable[[Experiment], Result]]:
    """A function that trains an experiment in PyTorch, with an interpreter that has it."""
    # -P: a script may otherwise import from its folder, where inspect.py is no standard module.
    # What it writes to standard error is shown: a way that fails, or why it has no PyTorch.
    script = str(Path(__file__).with_name("_torch.py"))
    with _process(python, "-P", script, errors=None) as ask:

        def train(experiment: Experiment) -> Result:
            images = images_an_epoch(experiment.training)
            about = {"images": images, "file": str(MNIST_FILE)}
            return ask({"experiment": json.loads(experiment.to_json()), **about})

        yield train


@contextmanager
def _process(
    *command: str, errors: int | None = subprocess.DEVNULL
) -> Iterator[Callable[[dict[str, Any]], Result]]:
    """A function that asks a process of its own, a line of JSON each way.

    `errors` is where its standard error goes, None for that of this process.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        cwd=Path(__file__).resolve().parent.parent,
    )
    assert process.stdin
    assert process.stdout
    questions, answers = process.stdin, process.stdout

    def ask(question: dict[str, Any]) -> Result:
        with suppress(BrokenPipeError):
            questions.write(json.dumps(question) + "\n")
            questions.flush()
        if not (answer := answers.readline()):
            raise RuntimeError(f"The process {command} has ended.")
        result: Result = json.loads(answer)
        return result

    try:
        yield ask
    finally:
        with suppress(BrokenPipeError):  # it has ended before it read everything
            questions.close()
        process.wait(timeout=60)
