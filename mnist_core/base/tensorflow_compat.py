"""Measures that keep a process with TensorFlow small, and its garbage collections short."""

from __future__ import annotations

import gc
import sys
import threading

from mnist_core.base.allocator import give_back

# Keras imports these for wrappers and inputs that nobody here uses: 40 MB of a process each. One
# that only trains or computes does without both; a program of somebody's own may need pandas.
UNUSED, UNUSED_IN_COMPUTING = ("sklearn",), ("sklearn", "pandas")

_importing = threading.Lock()
_frozen_for_good = False


def load_keras(without: tuple[str, ...] = UNUSED) -> None:
    """Import TensorFlow and Keras as if the packages `without` were not installed.

    Whoever imports one of them later gets it. Two threads may call it at once.
    """
    with _importing:
        if "keras" in sys.modules:
            return
        hidden = [name for name in without if name not in sys.modules]
        # None makes an import fail: https://docs.python.org/3/reference/import.html#the-module-cache
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
        try:
            import tensorflow  # noqa: F401, I001 (before Keras, which imports it)
            import keras  # noqa: F401
        finally:
            for name in hidden:
                del sys.modules[name]


def set_aside() -> None:
    """Collect garbage once; later collections leave out the objects there are now.

    A server's modules, or TensorFlow and compiled functions, are some hundred thousand objects that
    stay. Streamlit collects after every run of a page, which took 0.3 s of everybody's time each.
    """
    forget_gradients()
    _forget_kernels()
    if not _frozen_for_good:
        gc.unfreeze()  # what has been let go since the last time is garbage like any other
    gc.collect()
    if not _frozen_for_good:
        gc.freeze()
    give_back()


def keep_frozen() -> None:
    """Have no collection look at what is frozen, in this process and in those forked from it.

    It would write to each object, and each process would have a copy of its own from then on.
    Nothing is frozen any more either: garbage among it would stay for ever.
    """
    global _frozen_for_good
    _frozen_for_good = True


def forget_gradients() -> None:
    """Let TensorFlow forget the custom gradients of functions that have been compiled.

    It keeps each for ever, and with it the whole graph it was made for: some 5 MB a network
    that is trained, as Keras's optimisers have one (tensorflow/tensorflow issue 97697). They are
    asked for only while a function is being compiled, by the compiler of an enclosing loop.
    """
    ops = sys.modules.get("tensorflow.python.framework.ops")
    if ops is None:
        return
    known = ops.gradient_registry._registry
    for name in list(known):
        if name.startswith("CustomGradient-"):
            known.pop(name, None)


def _forget_kernels() -> None:
    """Let go of the kernels of compiled functions, which outlive the functions themselves.

    Those of functions still in use are made again by their next call, within 30 ms. Too little to
    be tested, but it adds up in a process that runs for weeks: TensorFlow 2.21 kept 7 MB of six
    networks that had been trained and dropped.
    """
    context = sys.modules.get("tensorflow.python.eager.context")
    if context is not None:
        context.context().clear_kernel_cache()
