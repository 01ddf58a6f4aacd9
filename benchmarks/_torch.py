"""The third side of `train`: PyTorch as one who knows it would use it, driven over pipes.

Runs with the interpreter that has PyTorch, so that it imports nothing of MNIST Lab. What it trains
is built from the experiment's layers; of these it knows those of `two-layer` and `cnn`. Images lie
in memory and batches are picked by number, convolutions are channels-last, Adam is the fused one.
Of float32 and bfloat16 (autocast), each as it is and through `torch.compile`, it takes what is
fastest here.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

TRIED_STEPS = 60


def build(layers: list[dict[str, Any]], classes: int) -> nn.Module:
    """The network of an experiment's `layers`."""
    found: list[nn.Module] = []
    for layer in layers:
        kind = layer["kind"]
        if kind == "conv":
            found += [nn.LazyConv2d(layer["filters"], layer["kernel_size"]), nn.ReLU()]
        elif kind == "dense":
            found += [nn.LazyLinear(layer["units"]), nn.ReLU()]
        elif kind == "max_pool":
            found.append(nn.MaxPool2d(layer["pool_size"]))
        elif kind == "flatten":
            found.append(nn.Flatten())
        elif kind == "dropout":
            found.append(nn.Dropout(layer["rate"]))
        else:
            raise SystemExit(f"The PyTorch side knows no layer “{kind}”: take two-layer or cnn.")
    model = nn.Sequential(*found, nn.LazyLinear(classes))
    model(torch.zeros(1, 1, 28, 28))
    return model.to(memory_format=torch.channels_last)


class Side:
    """One experiment in PyTorch; `way` is the fastest of the ways to compute it."""

    def __init__(self, experiment: dict[str, Any], images: int, file: str) -> None:
        self._layers = experiment["network"]["layers"]
        self._classes = experiment["network"]["classes"]
        self._training = experiment["training"]
        with np.load(file) as arrays:
            self._x, self._y = _tensors(arrays["x_train"][:images], arrays["y_train"][:images])
            self._x_test, self._y_test = _tensors(arrays["x_test"], arrays["y_test"])
        torch.manual_seed(self._training["seed"])
        self._model = build(self._layers, self._classes)
        self._initial = copy.deepcopy(self._model.state_dict())
        ways = list(itertools.product(("float32", "bfloat16"), ("eager", "compiled")))
        # Compiled functions are kept: what counts is the time of a run after the first.
        self._loss_of = {way: self._loss(*way) for way in ways}
        self.way = min(ways, key=self._step_seconds)

    def train(self) -> dict[str, Any]:
        """All epochs, then the test; `seconds` are those of the steps, `later` after the first."""
        began = time.perf_counter()
        step = self._start(self.way)
        epochs = []
        for _ in range(self._training["epochs"]):
            started = time.perf_counter()
            order = torch.randperm(len(self._x)).split(self._training["batch_size"])
            losses = [step(batch) for batch in order]
            torch.stack(losses).mean().item()
            epochs.append(time.perf_counter() - started)
        with torch.inference_mode():
            self._model.eval()
            right = [
                (self._model(_as_input(x)).argmax(1) == y).sum().item()
                for x, y in zip(self._x_test.split(500), self._y_test.split(500), strict=True)
            ]
        return {
            "seconds": sum(epochs),
            "later": sum(epochs[1:]),
            "wall": time.perf_counter() - began,
            "test_accuracy": sum(right) / len(self._x_test),
            "way": " ".join(self.way),
        }

    def _loss(self, precision: str, mode: str) -> Callable[[Any, Any], Any]:
        def loss_of(images: Any, labels: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = self._model(images)
            return nn.functional.cross_entropy(logits.float(), labels)

        return torch.compile(loss_of, dynamic=False) if mode == "compiled" else loss_of

    def _start(self, way: tuple[str, str]) -> Callable[[Any], Any]:
        """The function that takes a step on the images of some numbers, from fresh weights."""
        self._model.load_state_dict(self._initial)
        self._model.train()
        rate = self._training["learning_rate"]
        optimizer = torch.optim.Adam(self._model.parameters(), lr=rate, fused=True)

        def step(batch: Any) -> Any:
            optimizer.zero_grad(set_to_none=True)
            loss = self._loss_of[way](_as_input(self._x[batch]), self._y[batch])
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    def _step_seconds(self, way: tuple[str, str]) -> float:
        """The time of a step, compiling left out; infinite where it cannot be compiled."""
        try:
            step = self._start(way)
            batches = torch.randperm(len(self._x)).split(self._training["batch_size"])
            step(batches[0])
        except Exception as error:
            print(f"PyTorch, {way}: {error}", file=sys.stderr)
            return float("inf")
        best = float("inf")
        for _ in range(3):
            started = time.perf_counter()
            for batch in batches[:TRIED_STEPS]:
                step(batch)
            best = min(best, time.perf_counter() - started)
        return best / TRIED_STEPS


def _tensors(images: Any, labels: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))


def _as_input(images: torch.Tensor) -> torch.Tensor:
    """uint8 [n, 28, 28] → float32 [n, 1, 28, 28] in [0, 1]."""
    values = images[:, None].float() / 255
    return values.contiguous(memory_format=torch.channels_last)


def _cores() -> int:
    """The cores that this process may use, as far as the system says."""
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main() -> None:
    """Answer each line of standard input, an experiment, with one of JSON; the first takes long."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    torch.set_num_threads(_cores())
    sides: dict[str, Side] = {}
    for line in sys.stdin:
        question = json.loads(line)
        key = json.dumps(question["experiment"])
        if key not in sides:
            sides[key] = Side(question["experiment"], question["images"], question["file"])
        print(json.dumps(sides[key].train()), file=answers, flush=True)


if __name__ == "__main__":
    main()
