"""Where TensorFlow computes: in a process of its own for a server, else in this one.

A server never loads TensorFlow: it would hold Python's lock while it compiles a network, and with
it every visitor's page; it takes more memory than all else in a server together; and a crash in
native code would end every session. So whatever computes with a network is a function of a module
of ours that is called by `run`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mnist_core.base.warm_process import WarmProcess

_process: WarmProcess | None = None


def apart() -> None:
    """Compute in a process of its own from now on; the first `run` starts it."""
    global _process
    if _process is None:
        _process = WarmProcess(prepare="mnist_core.base.computing_process")


def run(function: Callable[..., Any], *arguments: Any, **tell: Callable[..., None]) -> Any:
    """`function(*arguments)` where TensorFlow is.

    Function and arguments are pickled for it. With `tell`, the function is given it, too, to call
    with news. Raises what the function does, ProcessCrashed and LimitReached.
    """
    if _process is None:
        return function(*arguments, **tell)
    return _process.run(function, *arguments, **tell)
