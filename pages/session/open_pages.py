"""Visitors of a shared server with a page open: those whose pages are connected."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass

from mnist_core.storage.store import Store, StoreError
from mnist_core.visitors.visitors import Presence
from pages.streamlit_compat.connections import is_connected, session_id

# Well within `away_queued_seconds`.
LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Visitor:
    """A visitor with a page open, and the digest of the address that they come from."""

    owner: str
    address: str | None


class OpenPages:
    """Notes the presence of visitors for as long as their pages are connected.

    The server's own look, not the browser's word: browsers let hidden pages sleep.
    """

    def __init__(self, store: Store) -> None:
        self._presence = Presence(store)
        self._lock = threading.Lock()
        self._sessions: dict[str, Visitor] = {}
        # Whether a thread looks.
        self.watching = False

    def notice(self, visitor: Visitor) -> None:
        """The visitor's page runs now; it is watched from here on. Raises StoreError."""
        session = session_id()
        if session is not None:
            with self._lock:
                self._sessions[session] = visitor
                if not self.watching:
                    self.watching = True
                    threading.Thread(target=self._watch, name="open-pages", daemon=True).start()
        self._presence.notice(visitor.owner, visitor.address)

    def _watch(self) -> None:
        """Until no page is open any more."""
        nobody_comes = threading.Event()
        while not nobody_comes.wait(LOOK_SECONDS):
            with self._lock:
                self._sessions = {
                    session: visitor
                    for session, visitor in self._sessions.items()
                    if is_connected(session)
                }
                here = set(self._sessions.values())
                if not here:
                    self.watching = False
                    return
            for visitor in here:
                with suppress(StoreError):  # a page that needs the store says so itself
                    self._presence.notice(visitor.owner, visitor.address)
