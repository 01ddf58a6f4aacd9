"""What all visitors' sessions of this server share: the store of runs and the training engine."""

from __future__ import annotations

import streamlit as st

from mnist_core.engine import Engine
from mnist_core.store import Store


@st.cache_resource(show_spinner=False)
def get_store() -> Store:
    """The one store of this server."""
    return Store()


@st.cache_resource(show_spinner=False)
def get_engine() -> Engine:
    """The one engine of this server; its worker process starts with the first `warm` or run."""
    return Engine(get_store())
