"""What all visitors' sessions of this server share: the store of runs and the training engine."""

from __future__ import annotations

import streamlit as st

from mnist_core.engine import Engine
from mnist_core.store import Store, StoreError


def get_store() -> Store:
    """The one store of this server. Where runs cannot be kept, the page says so and ends."""
    try:
        return _store()
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        st.stop()


def get_engine() -> Engine:
    """The one engine of this server; its worker process starts with the first `warm` or run."""
    return _engine(get_store())


def owner() -> str:
    """Whose runs this visitor sees and makes: on a single-user lab always the same name."""
    return "local"


@st.cache_resource(show_spinner=False)
def _store() -> Store:
    return Store()


@st.cache_resource(show_spinner=False)
def _engine(_store: Store) -> Engine:
    return Engine(_store)
