"""Keras's session, which is not to be cleared after a run of a page."""

from __future__ import annotations

from streamlit.runtime.scriptrunner import script_runner


def keep_kernels() -> None:
    """Stop Streamlit from clearing Keras's session after each run of a page, for all visitors.

    That throws away the kernels of every compiled function, so that its next call takes 10 to
    30 ms longer, and resets Keras under the feet of another visitor's thread. Nothing here needs
    it: networks are called without state, their layers have names of their own, and
    `mnist_core.base.tensorflow_compat` lets go of what is no longer used.
    """
    script_runner._clean_problem_modules = _nothing


def _nothing() -> None:
    pass
