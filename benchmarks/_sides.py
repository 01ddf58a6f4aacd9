"""The sides of a race: MNIST Lab as the app runs it, plain Keras and PyTorch on their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_core import Experiment
from mnist_core.data.mnist import MNIST_FILE
from mnist_core.engine.engine import Engine
from mnist_core.experiment.training_cost import images_an_epoch
from mnist_core.storage.store import Store

ENDED = ("finished", "stopped", "failed")
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
    began = time.perf_counter()
    run_id = engine.start(experiment)
    while (record := store.run(run_id)) is None or record.status not in ENDED:
        time.sleep(0.02)
    wall = time.perf_counter() - began
    if record.status != "finished" or record.test_accuracy is None:
        raise RuntimeError(f"The run {record.status}: {record.message}")
    epochs = store.epochs(run_id)
    return {
        "seconds": sum(epoch.seconds for epoch in epochs),
        "later": sum(epoch.seconds for epoch in epochs[1:]),
        "wall": wall,
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
    with _process(python, "-P", str(Path(__file__).with_name("_torch.py"))) as ask:

        def train(experiment: Experiment) -> Result:
            images = images_an_epoch(experiment.training)
            about = {"images": images, "file": str(MNIST_FILE)}
            return ask({"experiment": json.loads(experiment.to_json()), **about})

        yield train


@contextmanager
def _process(*command: str) -> Iterator[Callable[[dict[str, Any]], Result]]:
    """A function that asks a process of its own, a line of JSON each way."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        cwd=Path(__file__).resolve().parent.parent,
    )
    assert process.stdin
    assert process.stdout
    questions, answers = process.stdin, process.stdout

    def ask(question: dict[str, Any]) -> Result:
        questions.write(json.dumps(question) + "\n")
        questions.flush()
        answer = answers.readline()
        if not answer:
            raise RuntimeError(f"The process {command} has ended.")
        result: Result = json.loads(answer)
        return result

    try:
        yield ask
    finally:
        questions.close()
        process.wait(timeout=60)
