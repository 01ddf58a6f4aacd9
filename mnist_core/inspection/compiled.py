"""Compiled functions of a network and its weights, each made once and kept with the network.

Those that follow gradients back run in a process of their own where `apart` has been called:
TensorFlow's backward kernels are the ones that were found to crash, and a crash in the process of
an app ends the session of everybody who uses it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np

from mnist_core.base.sandbox import ProcessCrashed
from mnist_core.base.warm_process import WarmProcess
from mnist_core.experiment.spec import NetworkSpec
from mnist_core.inspection.activations import Argument, Probe, probe

SETTING = "MNIST_LAB_GRADIENT_PROCESS"

Make = Callable[[Any, Probe], Callable[..., Any]]

_process: WarmProcess | None = None
# What crashed the process, and when. It is not tried again for a while; not for ever, as it may
# have been the system that ended the process, short of memory. The first of so many is forgotten.
_crashed: dict[Hashable, tuple[float, str]] = {}
MOST_CRASHED, AGAIN_SECONDS = 100, 300.0


def apart() -> None:
    """Compute gradients in a process of their own from now on, and have it ready; returns at once.

    For servers; without it they are computed in this process. `MNIST_LAB_GRADIENT_PROCESS=0` leaves
    it so, which saves 280 MB.
    """
    global _process
    if os.environ.get(SETTING, "").strip() == "0":
        return
    if _process is None:
        _process = WarmProcess(prepare="mnist_core.inspection.computing")
    _process.start()


def run_apart(function: Callable[..., Any], *arguments: Any, **tell: Callable[..., None]) -> Any:
    """`function(*arguments)` of a module of ours, where gradients are computed.

    With `tell`, the function is given it, too. Raises what the function does, ProcessCrashed and
    LimitReached.
    """
    if _process is None:
        return function(*arguments, **tell)
    return _process.run(function, *arguments, **tell)


def gradients(
    network: NetworkSpec, key: Hashable, make: Make, *arguments: Argument
) -> Callable[..., Any]:
    """As `compiled`, computed where gradients are; `make` is a module's function, or a `partial`.

    The function gives arrays. It raises ProcessCrashed, too.
    """
    here = probe(network).network
    return partial(_computed, here, key, make, arguments)


def _computed(
    network: NetworkSpec, key: Hashable, make: Make, arguments: tuple[Argument, ...], *values: Any
) -> Any:
    when, said = _crashed.get((network, key), (-AGAIN_SECONDS, ""))
    if time.monotonic() - when < AGAIN_SECONDS:
        raise ProcessCrashed(said)
    try:
        return run_apart(_compute, network, key, make, arguments, values)
    except ProcessCrashed as error:
        _crashed[network, key] = time.monotonic(), str(error)
        if len(_crashed) > MOST_CRASHED:
            del _crashed[next(iter(_crashed))]
        raise


def _compute(
    network: NetworkSpec,
    key: Hashable,
    make: Make,
    arguments: tuple[Argument, ...],
    values: tuple[Any, ...],
) -> Any:
    import tensorflow as tf

    result = compiled(network, key, make, *arguments)(*values)
    return tf.nest.map_structure(np.asarray, result)


def compiled(
    network: NetworkSpec, key: Hashable, make: Make, *arguments: Argument
) -> Callable[..., Any]:
    """The function `make(tensorflow, probe)` of (weights, *arguments), compiled once per `key`.

    `arguments` are the shapes and dtypes of what comes after the weights.
    """
    of = probe(network)
    return of.compiled(key, lambda tf: make(tf, of), *arguments)
