"""A budget of bytes for uploads, of a session, of a network address and of the whole server.

Streamlit holds uploaded files in memory until they are replaced, taken away, or their session
ends. An upload is judged by its declared length before its body is read. It takes its share of the
budget from then on, so that one that stands still is ended.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_core.base.untrusted import MEGABYTE
from mnist_core.visitors import addresses
from mnist_core.visitors.limits import Limits, current
from pages.streamlit_compat.held_uploads import held_bytes

log = logging.getLogger(__name__)

# What comes before the session's id in the path of an upload, whatever the base path.
_ENDPOINT = "/_stcore/upload_file/"
# How long the next piece of an upload may take to arrive, and the whole of it.
PIECE_SECONDS, WHOLE_SECONDS = 30.0, 1800.0


class UploadBudget:
    """ASGI middleware in front of Streamlit's endpoint for uploads."""

    def __init__(
        self,
        app: ASGIApp,
        held: Callable[[], Mapping[str, int]] = held_bytes,
        limits: Callable[[], Limits] = current,
        piece_seconds: float = PIECE_SECONDS,
    ) -> None:
        self._app, self._held, self._limits = app, held, limits
        self._piece_seconds = piece_seconds
        # Bytes that are on their way; all on the server's one event loop.
        self._coming: Counter[str] = Counter()
        # The address that a session's newest upload came from.
        self._addresses: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it."""
        session = _session(scope)
        if session is None:
            await self._app(scope, receive, send)
            return
        size = _declared(scope)
        if size is None:
            await _refuse(send, 411, "An upload must say how long it is.")
            return
        held = self._held()
        self._note(session, _address(scope), held)
        if said := self._problem(session, size, held):
            log.warning("an upload of %d bytes was refused: %s", size, said)
            await _refuse(send, 413, said)
            return
        self._coming[session] += size
        try:
            await self._app(scope, self._in_time(receive), send)
        except ClientDisconnect:
            log.warning("an upload broke off or stood still")
        finally:
            self._coming[session] -= size
            self._coming += Counter()  # forgets sessions at zero

    def _in_time(self, receive: Receive) -> Receive:
        """As `receive`, but whoever sends too slowly counts as gone."""
        end = time.monotonic() + WHOLE_SECONDS

        async def receive_in_time() -> Message:
            try:
                left = min(self._piece_seconds, end - time.monotonic())
                return await asyncio.wait_for(receive(), left)
            except TimeoutError:
                return {"type": "http.disconnect"}

        return receive_in_time

    def _note(self, session: str, address: str, held: Mapping[str, int]) -> None:
        """Remember where a session's uploads come from, as long as it has any."""
        still = held.keys() | self._coming.keys()
        self._addresses = {name: at for name, at in self._addresses.items() if name in still}
        self._addresses[session] = address

    def _problem(self, session: str, size: int, held: Mapping[str, int]) -> str | None:
        """The reason why an upload of `size` bytes does not fit, as a sentence, or None."""
        limits = self._limits()

        def taken(sessions: Iterable[str]) -> int:
            return sum(held.get(name, 0) + self._coming[name] for name in sessions)

        own = taken([session])
        if _beyond(own + size, limits.session_upload_megabytes):
            return (
                f"Your open files may take {limits.session_upload_megabytes} MB together. Take "
                "some away, or add fewer at once."
            )
        address = self._addresses[session]
        theirs = taken(name for name, at in self._addresses.items() if at == address)
        if _beyond(theirs + size, limits.address_upload_megabytes):
            return (
                f"The open files of all visitors at your network address may take "
                f"{limits.address_upload_megabytes} MB together. Try again in a few minutes."
            )
        if _beyond(taken(held.keys() | self._coming.keys()) + size, limits.server_upload_megabytes):
            return "This server holds as many open files as it can. Try again in a few minutes."
        return None


def _session(scope: Scope) -> str | None:
    """The session that an upload is for; None when the request is no upload."""
    if scope["type"] != "http" or scope["method"] not in ("PUT", "POST"):
        return None
    _, endpoint, rest = scope["path"].partition(_ENDPOINT)
    return rest.partition("/")[0] if endpoint else None


def _address(scope: Scope) -> str:
    """The digest of the network address that a request comes from."""
    peer, _port = scope.get("client") or ("", 0)
    forwarded = ", ".join(Headers(scope=scope).getlist("x-forwarded-for"))
    trusted = addresses.trusted_proxies()
    return addresses.digest(addresses.visitor_address(peer, forwarded, trusted))


def _declared(scope: Scope) -> int | None:
    """The length that the request's header declares; the server reads no more than that."""
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isdecimal() and declared.isascii() else None


def _beyond(size: int, megabytes: int | None) -> bool:
    return megabytes is not None and size > megabytes * MEGABYTE


async def _refuse(send: Send, status: int, said: str) -> None:
    body = json.dumps({"detail": said}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # the body that was not read must not be taken for a request
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
