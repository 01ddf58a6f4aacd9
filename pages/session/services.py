"""What a page works on: the runs and the engine, as this visitor may see them."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from mnist_core.engine.engine import Engine
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.storage.store import Store, StoreError
from mnist_core.visitors.limits import current
from mnist_core.visitors.visitors import Presence
from pages.session import errors
from pages.session.visitor import owner as owner

# Far below the minutes after which a visitor's run is stopped.
NOTICE_SECONDS = 60.0


def get_store() -> Store:
    """This visitor's runs. Where runs cannot be kept, the page says so and ends."""
    notice()
    return shared_store().seen_by(owner())


def get_engine() -> VisitorEngine:
    """The server's engine for this visitor; its worker starts with the first `warm` or run."""
    return VisitorEngine(shared_engine(), owner())


def notice() -> None:
    """Note on a shared server that the visitor has a page open."""
    if current().public:
        try:
            _presence(shared_store()).notice(owner())
        except StoreError as error:
            st.error(str(error), icon=":material/database_off:")
            st.stop()


def keep_noticing() -> None:
    """Note it now and every minute, also for pages that need no store, as the lesson does."""
    if current().public:
        st.fragment(_notice_quietly, run_every=NOTICE_SECONDS)()


def _notice_quietly() -> None:
    with suppress(StoreError):  # a page that needs the store says so itself
        _presence(_store()).notice(owner())


def shared_store() -> Store:
    """Everyone's runs: for what serves all visitors at once, never to show one of them."""
    try:
        return _store()
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        st.stop()


def shared_engine() -> Engine:
    """The one engine of this server: for what serves all visitors at once."""
    return _engine(shared_store())


@st.cache_resource(show_spinner=False)
def _store() -> Store:
    store = Store()
    errors.set_notice(store.notice)
    return store


@st.cache_resource(show_spinner=False)
def _engine(_store: Store) -> Engine:
    return Engine(_store)


@st.cache_resource(show_spinner=False)
def _presence(_store: Store) -> Presence:
    return Presence(_store)
