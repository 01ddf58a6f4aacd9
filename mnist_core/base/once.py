"""Objects that exist once in a process: store, engine, study runner, pools of threads.

Not in Streamlit's caches. Those can be cleared, and the engine made anew would start another
scheduler and another worker beside the first ones.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar, cast

Thing = TypeVar("Thing")

# Kept on `sys`: with its file watcher on, Streamlit imports our modules anew when a file is saved,
# and what exists must outlive that.
_things: dict[str, Any] = sys.__dict__.setdefault("_mnist_lab_once", {})
_locks: dict[str, threading.Lock] = sys.__dict__.setdefault("_mnist_lab_once_locks", {})


def once(make: Callable[[], Thing]) -> Callable[[], Thing]:
    """Let a function without arguments do its work once, and give the same object ever after.

    Where it raises, nothing is kept and the next call tries again. Threads wait for one another.
    """
    name = f"{make.__module__}.{make.__qualname__}"

    def get() -> Thing:
        if name not in _things:
            with _locks.setdefault(name, threading.Lock()):
                if name not in _things:
                    _things[name] = make()
        return cast("Thing", _things[name])

    return get


def close_all() -> None:
    """Close what can be closed, the newest first: the study runner before its engine.

    What cannot be closed does not keep the rest open; its error is raised at the end.
    """
    with ExitStack() as closing:
        for thing in _things.values():
            if close := getattr(thing, "close", None):
                closing.callback(close)
        _things.clear()
