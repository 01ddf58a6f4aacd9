"""Where TensorFlow computes: in a process of its own for a server, else in this one.

A server never loads TensorFlow: it would hold Python's lock while it compiles a network, and with
it every visitor's page; it takes more memory than all else in a server together; and a crash in
native code would end every session. So whatever computes with a network is a function of a module
of ours that is called by `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from mnist_core.base.warm_process import WarmProcess

_process: WarmProcess | None = None


def apart() -> None:
    """Compute in a process of its own from now on; the first `run` starts it."""
    global _process
    if _process is None:
        _process = WarmProcess(prepare="mnist_core.base.computing_process")


def run(
    function: Callable[..., Any],
    *arguments: Any,
    about: Hashable,
    slow: bool = False,
    **tell: Callable[..., None],
) -> Any:
    """`function(*arguments)` where TensorFlow is.

    Function and arguments are pickled for it. With `tell`, the function is given it, too, to call
    with news. What ends the process is not tried again for a while, nor anything else of the same
    `about`: it names the work and the network, or whatever makes it what it is. What is `slow`
    takes a second or more, and waits for its turn. Raises what the function does, and WorkFailed.
    """
    if _process is None:
        return function(*arguments, **tell)
    return _process.run(function, *arguments, about=about, slow=slow, **tell)


def ready() -> bool:
    """False while the process that computes still starts TensorFlow, and whoever asks it waits."""
    return _process is None or _process.ready


def life() -> int:
    """A number that is another one once the process has died, and what it had compiled is gone."""
    return 0 if _process is None else _process.life
