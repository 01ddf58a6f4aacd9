"""A headless Firefox driven by WebDriver BiDi, as much of it as the tests need.

Playwright brings a Firefox of its own and cannot drive Debian's.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("firefox-esr", "firefox")
_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_SILENT = """
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"""


def find_firefox() -> str | None:
    """An installed Firefox, None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Firefox:
    """One window: `open` an address, `evaluate` a JavaScript expression, `wait_for` one."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.call("session.new", capabilities={})
        tree = self.call("browsingContext.getTree")
        self._window = tree["contexts"][0]["context"]

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command of the protocol; returns its result. Raises RuntimeError if it fails."""
        wanted = next(self._ids)
        self._socket.send(json.dumps({"id": wanted, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == wanted:  # else an event
                break
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    def size(self, width: int, height: int) -> None:
        """Set the inner size of the window, in pixels."""
        viewport = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self._window, viewport=viewport)

    def open(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        self.call("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, as JSON has it."""
        found = self.call(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._window},
            awaitPromise=False,
        )
        if found["type"] == "exception":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"].get("value", "null"))

    def wait_for(self, expression: str, timeout: float = 60) -> Any:
        """Wait until the expression gives something true; returns it."""
        deadline = time.monotonic() + timeout
        while not (found := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"Firefox waited {timeout:g} s for {expression}"
            time.sleep(0.1)
        return found


@contextlib.contextmanager
def running_firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """Start Firefox with a new profile in the folder `profile`; it is ended afterwards."""
    (profile / "user.js").write_text(_SILENT)
    log = profile / "firefox.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", str(profile),
             "--remote-debugging-port", "0", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        with connect(f"{_address(process, log)}/session", max_size=None) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while not (found := _LISTENS.search(log.read_text(errors="replace"))):
        assert process.poll() is None, f"Firefox ended:\n{log.read_text(errors='replace')[-2000:]}"
        assert time.monotonic() < deadline, "Firefox does not listen"
        time.sleep(0.1)
    return found[1]
