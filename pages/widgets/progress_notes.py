"""Expected times of waits: measured each time here, and said the next time."""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from inspect import signature
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import streamlit as st

from mnist_core.base import computing
from mnist_core.base.job_queue import JobQueue

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Seconds on two cores, until the same has been measured here.
_seconds = {
    "network": 5.0,
    "test images": 3.0,
    "feature maps": 3.0,
    "training images": 3.0,
    "disagreement": 4.0,
    "conversion": 15.0,
    "Keras file": 8.0,
}
# Said after a server's start: it takes seconds, on a slow computer half a minute.
STARTING = "TensorFlow is still starting"
# What is quicker was kept from an earlier time, and says nothing about the next.
_KEPT_SECONDS = 0.3
# What takes no longer needs no figure.
_SHORT_SECONDS = 2.0
# Work that takes so many times as long as it used to is not “nearly done”.
_SLOW = 1.5
# So many results of a cached function, the last asked for, are taken to be there still: each of
# these functions keeps at least as many.
_KNOWN = 3
_began: WeakKeyDictionary[Future[Any], float] = WeakKeyDictionary()


@contextmanager
def measured(name: str) -> Iterator[None]:
    """Remember how long this takes, for all visitors; of two times the mean.

    Not what waits for TensorFlow's start, which says nothing about the next time.
    """
    began, waits = time.monotonic(), not computing.ready()
    yield
    took = time.monotonic() - began
    if took > _KEPT_SECONDS and not waits:
        _seconds[name] = (took + _seconds.get(name, took)) / 2


@contextmanager
def spinner(name: str, words: str) -> Iterator[None]:
    """Streamlit's spinner with `words`, how long it will be, and how long it has been."""
    seconds, waits = _seconds.get(name, 0.0), not computing.ready()
    long = seconds > _SHORT_SECONDS
    said = f"{words}, about {seconds:.0f} seconds" if long and not waits else f"{words}…"
    said = f"{STARTING}. {said}" if waits else said
    with st.spinner(said, show_time=long or waits), measured(name):
        yield


@contextmanager
def start_told() -> Iterator[None]:
    """A spinner for work too quick to be told of, only where it waits for TensorFlow's start."""
    with nullcontext() if computing.ready() else st.spinner(f"{STARTING}…", show_time=True):
        yield


def told(
    name: str, words: str
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorate a cached function, which shows no spinner itself, so that work shows one.

    A spinner costs the browser an update of the page even where it is never seen: there is none for
    what was asked for before, which is known by the arguments that it is cached by.
    """
    known: OrderedDict[tuple[Any, ...], None] = OrderedDict()

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        names = [*signature(function).parameters]

        @functools.wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            given = dict(zip(names, args, strict=False)) | kwargs
            wanted = tuple(given.get(one) for one in names if not one.startswith("_"))
            if wanted in known:
                known.move_to_end(wanted)
                return function(*args, **kwargs)
            with spinner(name, words):
                result = function(*args, **kwargs)
            known[wanted] = None
            if len(known) > _KNOWN:
                known.popitem(last=False)
            return result

        return call

    return decorate


def time_left(name: str, work: Future[Any], queue: JobQueue | None = None) -> str:
    """The end of a sentence about `work`, which is under way and `measured` under this name.

    Work of a `queue` may still wait for others, and its time counts from when it has begun.
    """
    ahead, gone = _progress(work, queue)
    if ahead:
        return f". It waits for {'another' if ahead == 1 else f'{ahead} others'} to end first"
    seconds = _seconds.get(name, 0.0)
    left = seconds - gone
    if gone > _SLOW * max(seconds, _SHORT_SECONDS):
        return f", longer than usual: {gone:.0f} seconds so far"
    if seconds <= _SHORT_SECONDS:
        return "…"
    return f", about {left:.0f} seconds left" if left >= 1.5 else ", nearly done"


def _progress(work: Future[Any], queue: JobQueue | None) -> tuple[int, float]:
    """The number of jobs that end before `work` begins, and since when it has been under way."""
    found = queue.progress(work) if queue is not None else None
    if found is not None:
        return found.ahead, found.seconds or 0.0
    return 0, time.monotonic() - _began.setdefault(work, time.monotonic())
