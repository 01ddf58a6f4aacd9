"""Tests of the budget of bytes for uploads, judged before a body is read."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from mnist_core.base.untrusted import MEGABYTE
from mnist_core.visitors.limits import Limits
from pages.session.upload_budget import UploadBudget

LIMITS = Limits(
    session_upload_megabytes=10, address_upload_megabytes=12, server_upload_megabytes=15
)


class Server:
    """A server behind the budget that notes what reaches it, and holds what it is told to hold."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.reached: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.budget = UploadBudget(self._app, lambda: self.held, lambda: LIMITS)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope["path"])
        await self.go.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def put(
        self,
        session: str,
        megabytes: float | None,
        method: str = "PUT",
        peer: str | None = None,
    ) -> Any:
        """The status and the words of the answer to an upload of so many megabytes."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("the body was read")

        length = b"" if megabytes is None else str(int(megabytes * MEGABYTE)).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": f"/lab/_stcore/upload_file/{session}/file",
            "headers": [(b"content-length", length)] if length else [],
            "client": (peer or f"10.0.0.{ord(session)}", 4000),
        }
        await self.budget(scope, receive, send)
        said = json.loads(sent[1]["body"])["detail"] if len(sent) > 1 else ""
        return sent[0]["status"], said


def test_a_session_has_a_budget_and_others_have_theirs() -> None:
    async def scene() -> None:
        server = Server()
        server.held = {"a": 6 * MEGABYTE}
        assert await server.put("a", 4) == (204, "")
        status, said = await server.put("a", 4.1)
        assert status == 413 and "10 MB together" in said
        assert await server.put("b", 9) == (204, "")
        status, said = await server.put("b", 9.5)
        assert status == 413 and "as many open files as it can" in said
        server.held = {}  # replaced, taken away, or the session closed
        assert await server.put("a", 9) == (204, "")
        assert len(server.reached) == 3

    asyncio.run(scene())


def test_an_address_has_a_budget_so_that_others_have_room() -> None:
    async def scene() -> None:
        server = Server()
        assert await server.put("a", 6, peer="10.1.1.1") == (204, "")
        server.held = {"a": 6 * MEGABYTE}
        status, said = await server.put("b", 7, peer="10.1.1.1")
        assert status == 413 and "at your network address may take 12 MB" in said
        assert await server.put("b", 6, peer="10.1.1.1") == (204, "")
        assert await server.put("c", 7, peer="10.2.2.2") == (204, "")
        server.held = {}
        assert await server.put("b", 9, peer="10.1.1.1") == (204, "")
        assert server.budget._addresses.keys() == {"b"}

    asyncio.run(scene())


def test_what_is_on_its_way_counts() -> None:
    async def scene() -> None:
        server = Server()
        server.go.clear()
        first = asyncio.create_task(server.put("a", 6))
        while not server.reached:
            await asyncio.sleep(0)
        assert (await server.put("a", 5))[0] == 413
        server.go.set()
        assert (await first)[0] == 204
        assert (await server.put("a", 5))[0] == 204

    asyncio.run(scene())


@pytest.mark.parametrize(("method", "status"), [("PUT", 411), ("POST", 411), ("DELETE", 204)])
def test_an_upload_says_how_long_it_is(method: str, status: int) -> None:
    async def scene() -> None:
        assert (await Server().put("a", None, method))[0] == status

    asyncio.run(scene())


def test_an_upload_that_stands_still_or_breaks_off_lets_go_of_its_share(caplog) -> None:
    """And whoever closes a page in mid-upload leaves a line in the log, no traceback."""
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/_stcore/upload_file/a/file",
        "headers": [(b"content-length", b"6000000")],
    }
    heard: list[Any] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        heard.append(await receive())
        if heard[-1]["type"] == "http.disconnect":
            raise ClientDisconnect

    async def never() -> Any:
        await asyncio.Event().wait()

    async def no_answer(message: Any) -> None:
        raise AssertionError(message)

    async def scene() -> None:
        budget = UploadBudget(app, dict, lambda: LIMITS, piece_seconds=0.01)
        for _ in range(2):  # the budget has room for one at a time
            await budget(scope, never, no_answer)

    asyncio.run(scene())
    assert [message["type"] for message in heard] == ["http.disconnect"] * 2
    assert "stood still" in caplog.text and "Traceback" not in caplog.text
