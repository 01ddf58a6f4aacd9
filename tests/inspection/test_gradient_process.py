"""Tests that gradients are computed apart from the app, which outlives a crash over them."""

from __future__ import annotations

import ctypes
import gc
import operator
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest

from mnist_core.base import child_process, computing, fork_server
from mnist_core.base.sandbox import LimitReached, ProcessCrashed
from mnist_core.base.warm_process import WarmProcess
from mnist_core.experiment.layers import Conv, Flatten
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection import compiled
from mnist_core.inspection.activations import probe
from mnist_core.inspection.gradients import backward
from mnist_core.inspection.weights import initial_weights

NETWORK = NetworkSpec(layers=(Conv(filters=2, stride=2), Flatten()))


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmProcess]:
    process = WarmProcess()
    yield process
    process.close()


def tell_twice(value: int, tell: Callable[[int], None]) -> int:
    tell(value + 1)
    tell(value + 2)
    return value


def test_results_errors_and_news_come_back(warm: WarmProcess) -> None:
    assert warm.run(operator.add, 2, 3) == 5
    with pytest.raises(ZeroDivisionError):
        warm.run(operator.truediv, 1, 0)
    news: list[int] = []
    assert warm.run(tell_twice, 1, tell=news.append) == 1 and news == [2, 3]


def test_a_crash_is_a_sentence_and_others_get_their_results(warm: WarmProcess) -> None:
    before = psutil.Process(warm.run(_pid))
    slow: list[float] = []
    other = threading.Thread(target=lambda: slow.append(warm.run(_slow, 1.0)))
    other.start()
    with pytest.raises(ProcessCrashed, match="Nothing else was affected"):
        warm.run(ctypes.string_at, 0)
    other.join(30)
    assert slow == [1.0] and not before.is_running()


def test_what_is_stuck_is_given_up() -> None:
    process = WarmProcess(call_seconds=5)
    assert process.run(operator.add, 1, 1) == 2
    process._call_seconds = 0.2
    with pytest.raises(LimitReached, match="longer than"):
        process.run(_slow, 60.0)
    assert process.pid is None


def test_it_ends_when_it_has_nothing_to_do_and_comes_back() -> None:
    process = WarmProcess(idle_seconds=0.2)
    first = process.run(_pid)
    psutil.Process(first).wait(20)
    assert process.run(_pid) != first
    process.close()


def test_gradients_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).random((28, 28), np.float32)
    weights = initial_weights(NETWORK, 0)
    here = backward(NETWORK, weights, image, 3)
    monkeypatch.setattr(computing, "_process", None)
    child_process.start_fork_server("mnist_core.engine.preloaded")
    computing.apart()
    process = computing._process
    assert process is not None
    there = backward(NETWORK, weights, image, 3)
    if sys.platform == "linux":
        assert process.pid is not None
        assert fork_server.__name__ in psutil.Process(process.pid).cmdline()
        # What it shares with others is left alone, also when garbage is collected after compiling.
        assert process.run(gc.get_freeze_count) > 100_000
    np.testing.assert_allclose(there.input_gradient, here.input_gradient, rtol=1e-5, atol=1e-8)
    assert there.loss == pytest.approx(here.loss)
    number = process.run(_random)
    process.close()
    assert process.run(_random) != number, "each process has random numbers of its own"
    process.close()
    child_process.stop_fork_server()


def test_what_has_crashed_is_not_tried_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    process = WarmProcess()
    monkeypatch.setattr(computing, "_process", process)
    monkeypatch.setattr(compiled, "_call", _crash)
    monkeypatch.setattr(compiled, "_crashed", {})
    image, weights = np.zeros((28, 28), np.float32), initial_weights(NETWORK, 0)
    for _ in range(2):
        with pytest.raises(ProcessCrashed):
            backward(NETWORK, weights, image, 3)
        process.close()
        monkeypatch.setattr(process, "run", _never)
    # It may have been the system that ended it, short of memory: that passes.
    monkeypatch.setattr(compiled, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(process, "run", lambda *_: "computed")
    assert probe(NETWORK).compiled("backward", _never)(weights) == "computed"


def _pid() -> int:
    return psutil.Process().pid


def _random() -> float:
    return float(np.random.random())


def _slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _crash(*_arguments: object) -> None:
    ctypes.string_at(0)


def _never(*_arguments: object) -> None:
    raise AssertionError("it was tried again")
