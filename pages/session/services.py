"""The store and the engine of a page, as this visitor may see them."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from mnist_core.base.job_queue import JobQueue, VisitorJobs
from mnist_core.base.once import once
from mnist_core.engine.engine import Engine
from mnist_core.engine.visitor_engine import VisitorEngine
from mnist_core.storage.store import Store, StoreError
from mnist_core.visitors.limits import current
from pages.session import errors
from pages.session.open_pages import OpenPages, Visitor
from pages.session.visitor import address
from pages.session.visitor import owner as owner


def get_store() -> Store:
    """This visitor's runs. Where runs cannot be kept, the page says so and ends."""
    _notice_quietly()
    return shared_store().seen_by(owner())


def get_engine() -> VisitorEngine:
    """The server's engine for this visitor; its worker starts with the first `warm` or run."""
    return VisitorEngine(shared_engine(), owner(), address())


def jobs_in(queue: JobQueue) -> VisitorJobs:
    """A queue of heavy jobs for this visitor, who takes turns with the others."""
    return queue.of(owner(), address())


def notice() -> None:
    """Note on a shared server that the visitor has a page open; without the database, say so."""
    try:
        note_presence()
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        st.stop()


def note_presence() -> None:
    """Note on a shared server that the visitor has a page open. Raises StoreError."""
    if current().public:
        _open_pages().notice(Visitor(owner(), address()))


def keep_noticing() -> None:
    """Note it also for pages that need no store, as the lesson, for as long as they are open."""
    if current().public:
        _notice_quietly()


def _notice_quietly() -> None:
    with suppress(StoreError):  # a page that needs the store says so itself
        note_presence()


def shared_store() -> Store:
    """Everyone's runs: for what serves all visitors at once, never to show one of them."""
    try:
        return _store()
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        st.stop()


def shared_engine() -> Engine:
    """The one engine of this server: for what serves all visitors at once."""
    shared_store()
    return _engine()


def take_up() -> None:
    """Have the engine look after the runs, without a page. Raises StoreError."""
    _store()
    engine = _engine()
    if current().public:
        engine.warm()  # the first of a class shall not wait for TensorFlow


@once
def _store() -> Store:
    store = Store()
    errors.set_notice(store.notice)
    return store


@once
def _engine() -> Engine:
    return Engine(_store())


@once
def _open_pages() -> OpenPages:
    return OpenPages(_store())
