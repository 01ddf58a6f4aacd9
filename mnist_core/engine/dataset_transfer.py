"""Transfer of a data set of one's own: a training process asks the app for what it lacks.

A worker may be on another machine, without the app's database. So it tells the engine, through
the topic of its run, which set it wants; the engine sends it once, and the worker keeps those it
used last. All runs of a set on a worker train on one copy.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from mnist_core.data.custom import unpack
from mnist_core.data.mnist import Dataset, DatasetError
from mnist_core.experiment.spec import MNIST, Experiment
from mnist_core.training.control import Control

# The kind of the message, not an event, that asks for a set.
WANTED = "wanted"
# Sets that a worker keeps; the largest takes 235 MB.
KEPT = 2
ASK_AGAIN_SECONDS, GIVE_UP_SECONDS, LOOK_SECONDS = 30.0, 180.0, 0.5


class NotWanted(RuntimeError):
    """The run was stopped while it waited for its images."""


_kept: OrderedDict[str, Dataset] = OrderedDict()
# Sets that runs wait for here, and what has arrived: content, or the sentence why there is none.
_wanted: set[str] = set()
_arrived: dict[str, bytes | str] = {}
_news = threading.Condition()


def dataset_for(
    experiment: Experiment, ask: Callable[[dict[str, Any]], None], control: Control
) -> Dataset | None:
    """The set that the experiment names; None for MNIST, which every worker has.

    Waits for it, and sends a message by `ask`, where this process lacks it. Raises DatasetError
    when there is none to be had, and NotWanted when the run is stopped meanwhile.
    """
    digest = experiment.data
    if digest == MNIST:
        return None
    with _news:
        found = _kept.get(digest)
    if found is None:
        content = _wait_for(digest, ask, control)
        names = tuple(str(number) for number in range(experiment.network.classes))
        found = unpack(content, digest, "own data", names)
    with _news:
        _kept[digest] = found
        _kept.move_to_end(digest)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def receive(digest: str, content: bytes | str) -> None:
    """Called in the worker, by the engine: what was asked for, or why there is none."""
    with _news:
        if digest in _wanted:  # else it comes a second time, or too late
            _arrived[digest] = content
            _news.notify_all()


def _wait_for(digest: str, ask: Callable[[dict[str, Any]], None], control: Control) -> bytes:
    began, asked = time.monotonic(), float("-inf")
    with _news:
        _wanted.add(digest)
        try:
            while digest not in _arrived:
                now = time.monotonic()
                if control.read().stop:
                    raise NotWanted
                if now - began > GIVE_UP_SECONDS:
                    raise DatasetError("the images of its data set did not arrive from the app.")
                if now - asked > ASK_AGAIN_SECONDS:
                    asked = now
                    ask({"kind": WANTED, "data": digest})
                _news.wait(LOOK_SECONDS)
            content = _arrived[digest]
        finally:
            _wanted.discard(digest)
            _arrived.pop(digest, None)
    if isinstance(content, str):
        raise DatasetError(content)
    return content
