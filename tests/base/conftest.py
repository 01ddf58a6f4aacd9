"""The log of the modules under test, whatever other tests have done to the handlers of all logs."""

import logging

import pytest


@pytest.fixture
def caplog(caplog):
    """Pytest's `caplog`, of every level, also where the root logger has lost its handler."""
    caplog.handler.setLevel(logging.NOTSET)
    ours = logging.getLogger("mnist_core")
    missing = caplog.handler not in logging.getLogger().handlers
    if missing:
        ours.addHandler(caplog.handler)
    yield caplog
    if missing:
        ours.removeHandler(caplog.handler)
