"""Tests that networks are computed with apart from the app, which outlives a crash over them."""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import operator
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from mnist_core.base import child_process, computing, environments, failed_before, fork_server
from mnist_core.base.errors import AppError
from mnist_core.base.sandbox import LimitReached, ProcessCrashed, WorkFailed
from mnist_core.base.warm_process import FAILED, NO_MEMORY, SLOW, WarmProcess
from mnist_core.experiment.layers import Conv, Flatten
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection import compiled
from mnist_core.inspection.activations import probe
from mnist_core.inspection.gradients import backward
from mnist_core.inspection.weights import initial_weights

NETWORK = NetworkSpec(layers=(Conv(filters=2, stride=2), Flatten()))
WAIT = 30.0


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmProcess]:
    process = WarmProcess()
    yield process
    process.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each process that is started."""
    words: list[str] = []
    start = child_process.start

    def noted(module: str, *arguments: str, **more: Any) -> child_process.ChildProcess:
        words.append(module)
        return start(module, *arguments, **more)

    monkeypatch.setattr(child_process, "start", noted)
    return words


def test_results_errors_and_news_come_back(warm: WarmProcess) -> None:
    assert warm.run(operator.add, 2, 3, about="sum") == 5
    with pytest.raises(ZeroDivisionError):
        warm.run(operator.truediv, 1, 0, about="quotient")
    with pytest.raises(AppError, match="is missing"):
        warm.run(_raise, AppError, "A file is missing.", about="ours")
    news: list[int] = []
    assert warm.run(_tell_twice, 1, about="news", tell=news.append) == 1 and news == [2, 3]


def test_it_is_ready_from_its_first_answer_to_its_end() -> None:
    process = WarmProcess()
    assert not process.ready
    process.run(_pid, about="pid")
    assert process.ready
    process.close()
    assert not process.ready


def test_an_error_of_a_library_is_a_sentence_and_is_not_imported(
    warm: WarmProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WorkFailed, match=FAILED):
        warm.run(json.loads, "{", about="foreign")
    assert "JSONDecodeError" in caplog.text
    with pytest.raises(WorkFailed, match=FAILED):
        warm.run(_raise, ValueError, np.zeros(2), about="foreign argument")
    with pytest.raises(WorkFailed, match=NO_MEMORY):
        warm.run(_raise, MemoryError, about="memory")


def test_a_crash_is_a_sentence_and_others_get_their_results(
    warm: WarmProcess, started: list[str]
) -> None:
    before, life = psutil.Process(warm.run(_pid, about="pid")), warm.life
    slow: list[float] = []
    other = threading.Thread(target=lambda: slow.append(warm.run(_slow, 1.0, about="slow")))
    other.start()
    for _ in range(2):  # the second time it is not tried at all
        with pytest.raises(ProcessCrashed, match="Nothing else was affected"):
            warm.run(ctypes.string_at, 0, about="crash")
    other.join(WAIT)
    assert slow == [1.0] and not before.is_running() and warm.life == life + 1
    assert len(started) <= 2  # one of its own for each of the two


def test_what_several_ask_for_at_once_crashes_twice(warm: WarmProcess, started: list[str]) -> None:
    warm.run(_pid, about="pid")
    started.clear()
    said: list[str] = []

    def ask() -> None:
        with pytest.raises(ProcessCrashed) as caught:
            warm.run(_crash_together, 3, about="the same crash")
        said.append(str(caught.value))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(WAIT)
    assert len(said) == 3 and len(started) == 1


def test_it_may_have_been_the_system_which_passes(
    warm: WarmProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProcessCrashed):
        warm.run(ctypes.string_at, 0, about="memory of then")
    with pytest.raises(ProcessCrashed):
        warm.run(operator.add, 1, 1, about="memory of then")
    monkeypatch.setattr(failed_before, "AGAIN_SECONDS", 0.0)
    assert warm.run(operator.add, 1, 1, about="memory of then") == 2


def test_what_is_stuck_is_given_up_but_not_a_slow_start(started: list[str]) -> None:
    process = WarmProcess(call_seconds=0.2)
    assert process.run(len, b"x" * 5_000_000, about="more than a pipe holds") == 5_000_000
    for _ in range(2):
        with pytest.raises(LimitReached, match="longer than"):
            process.run(_slow, 60.0, about="stuck")
        assert process.pid is None and len(started) == 1


def test_who_waits_for_a_process_that_was_given_up_is_not_to_blame(warm: WarmProcess) -> None:
    before = warm.run(_pid, about="pid")
    found: list[int] = []
    other = threading.Thread(target=lambda: found.append(warm.run(_slow_pid, 1.0, about="slow")))
    other.start()
    living = warm._living()
    deadline = time.monotonic() + WAIT
    while not any(call.begun.is_set() for call in list(living._waiting.values())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    living.end()
    other.join(WAIT)
    assert found == [warm.pid] and warm.pid != before  # in the next shared one, not in its own


def test_a_process_that_does_not_start_is_a_sentence_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    with pytest.raises(WorkFailed, match="could not be started"):
        WarmProcess(prepare="tests.support.no_such_module").run(_pid, about="pid")
    assert "ModuleNotFoundError" in caplog.text


def test_slow_work_takes_turns_in_the_order_in_which_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = WarmProcess()
    names = [*range(SLOW), "next", "last"]
    ends = {name: threading.Event() for name in names}
    began: queue.Queue[Any] = queue.Queue()

    def compute(request: Any) -> None:
        began.put(request.about)
        if request.about != "quick":
            assert ends[request.about].wait(WAIT)

    monkeypatch.setattr(process, "_compute", compute)
    askers = []
    for place, name in enumerate(names):
        asker = threading.Thread(target=lambda name=name: process.run(_pid, about=name, slow=True))
        asker.start()
        askers.append(asker)
        if place < SLOW:
            assert began.get(timeout=WAIT) == name
        else:
            while process._turns._work_queue.qsize() <= place - SLOW:
                time.sleep(0.01)
    process.run(_pid, about="quick")
    assert began.get(timeout=WAIT) == "quick"
    for name, follows in ((1, "next"), (0, "last")):
        ends[name].set()
        assert began.get(timeout=WAIT) == follows
    for end in ends.values():
        end.set()
    for asker in askers:
        asker.join(WAIT)


def test_many_images_go_over_in_parts_that_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).random((300, 28, 28), np.float32)
    weights, asked = initial_weights(NETWORK, 0), []
    run = computing.run

    def noted(work: Any, *arguments: Any, about: Any, slow: bool = False) -> Any:
        asked.append((len(arguments[2]), slow))
        return run(work, *arguments, about=about, slow=slow)

    monkeypatch.setattr(computing, "run", noted)
    whole = probe(NETWORK).probabilities(weights, images)
    monkeypatch.setattr(compiled, "PART", 140)
    parts = probe(NETWORK).probabilities(weights, images)
    probe(NETWORK).probabilities(weights, images[:1])
    assert asked == [(300, True), (140, True), (140, True), (20, True), (1, False)]
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


@pytest.fixture(scope="module")
def forks() -> Iterator[None]:
    """Processes are forked from one that has TensorFlow, where that can be done."""
    child_process.start_fork_server("mnist_core.engine.preloaded")
    yield
    child_process.stop_fork_server()


def test_threads_are_set_in_a_process_that_was_forked_to_train(forks: None) -> None:
    process = WarmProcess()
    assert process.run(_parts_in_training, "2", about="parts") == 2
    # Once something was computed, they cannot be set any more; the rest is loaded all the same.
    assert process.run(_parts_in_training, "1", about="parts") == 2
    process.close()


def test_gradients_are_those_of_this_process(forks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).random((28, 28), np.float32)
    weights = initial_weights(NETWORK, 0)
    here = backward(NETWORK, weights, image, 3)
    monkeypatch.setattr(computing, "_process", None)
    computing.apart()
    process = computing._process
    assert process is not None
    there = backward(NETWORK, weights, image, 3)
    if sys.platform == "linux":
        assert process.pid is not None
        assert fork_server.__name__ in psutil.Process(process.pid).cmdline()
        # What it shares with others is left alone, also when garbage is collected after compiling.
        assert process.run(gc.get_freeze_count, about="frozen") > 100_000
    np.testing.assert_allclose(there.input_gradient, here.input_gradient, rtol=1e-5, atol=1e-8)
    assert there.loss == pytest.approx(here.loss)
    number = process.run(_random, about="random")
    process.close()
    assert process.run(_random, about="random") != number, "each has random numbers of its own"
    process.close()


def test_it_has_the_cores_of_the_machine_and_sandboxes_have_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(environments.THREADS, raising=False)
    monkeypatch.setattr(environments, "cores", lambda: 12)
    assert environments.computing_environment()["TF_NUM_INTRAOP_THREADS"] == "12"
    monkeypatch.setenv(environments.THREADS, "3")
    assert environments.computing_environment()["TF_NUM_INTRAOP_THREADS"] == "3"
    assert environments.clean_environment()["TF_NUM_INTRAOP_THREADS"] == "2"


@pytest.mark.parametrize(
    ("ours", "of_tensorflow", "threads"),
    [("3", "5", 3), ("", "5", 5), ("many", "5", 5), ("0", "", 12), ("", "-1", 12), (" 4 ", "", 4)],
)
def test_training_has_the_threads_that_are_set_or_all_cores(
    monkeypatch: pytest.MonkeyPatch, ours: str, of_tensorflow: str, threads: int
) -> None:
    monkeypatch.setattr(environments, "cores", lambda: 12)
    monkeypatch.setenv(environments.THREADS, ours)
    monkeypatch.setenv(environments.TENSORFLOW_THREADS, of_tensorflow)
    assert environments.training_threads() == threads


def test_a_number_of_threads_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(environments.THREADS, "many")
    assert environments.training_threads() >= 1
    assert "MNIST_LAB_THREADS=many is not used" in caplog.text


def _tell_twice(value: int, tell: Callable[[int], None]) -> int:
    tell(value + 1)
    tell(value + 2)
    return value


def _raise(kind: type[Exception], *arguments: Any) -> None:
    raise kind(*arguments)


def _pid() -> int:
    return psutil.Process().pid


def _parts_in_training(threads: str) -> int:
    """The parts of a batch where a worker has loaded what it needs, and computed with it."""
    import tensorflow as tf

    from mnist_core.engine import worker
    from mnist_core.training.threads import batch_parts

    os.environ[environments.THREADS] = threads
    worker._load_tensorflow()
    assert int(tf.constant(1) + 1) == 2
    return batch_parts()


def _random() -> float:
    return float(np.random.random())


def _slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _slow_pid(seconds: float) -> int:
    time.sleep(seconds)
    return _pid()


_together: list[None] = []


def _crash_together(count: int) -> None:
    """Crash once so many have asked for it, or when asked alone for a while."""
    _together.append(None)
    deadline = time.monotonic() + 1
    while len(_together) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    ctypes.string_at(0)
