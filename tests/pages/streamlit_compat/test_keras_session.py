"""What is compiled for one visitor stays for all."""

from __future__ import annotations

import importlib.util

import keras
import pytest
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest


def page(keep: bool) -> None:
    from pages.streamlit_compat.keras_session import keep_kernels

    if keep:
        keep_kernels()


def streamlits_own():
    """As it is before any page of this process has run."""
    spec = importlib.util.find_spec(script_runner.__name__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module._clean_problem_modules


@pytest.mark.parametrize("keep", [False, True])
def test_keras_is_left_alone_after_a_run_of_a_page(keep, monkeypatch):
    # Streamlit's own must be what clears, or `keep_kernels` would mend nothing.
    monkeypatch.setattr(script_runner, "_clean_problem_modules", streamlits_own())
    cleared = []
    monkeypatch.setattr(keras.backend, "clear_session", lambda: cleared.append(True))
    app = AppTest.from_function(page, kwargs={"keep": keep}).run()
    assert not app.exception
    assert bool(cleared) is not keep
