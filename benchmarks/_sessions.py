"""Visitors without a browser: sessions that speak Streamlit's protocol with a server.

    with open_sessions(server.url, 3) as (first, *_):
        first.visit("inspect")
        print(first.press("next_image"), "seconds")

A session is what a browser's tab is for the server: a websocket of its own, a visitor's cookie of
its own, widgets that can be pressed, and parts of a page that are asked for again and again. It
draws nothing, so that fifty of them leave the computer to the server.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks._digits import DIGITS
from mnist_core.drawing.strokes import SIDE, Stroke, as_canvas
from mnist_core.visitors.identity import new_token

TIMEOUT = 60.0
# A part that repeats may have left the page meanwhile: its answer never comes.
REPEAT_TIMEOUT = 10.0
# How long to sleep between two messages at most; less would take time from the server.
LISTEN_SECONDS = 0.5
# The names by which Streamlit says that a run of a page has ended.
WHOLE, AGAIN = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_EARLY_FOR_RERUN


class SessionError(RuntimeError):
    """The page showed an exception, did not answer in time, or has no such widget."""


class Session:
    """One open tab. Its methods return the seconds until the server had answered in full."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Connect to the server at `url`; `token` is the visitor's, by default a new one."""
        self._url = url.rstrip("/")
        self.token = token or new_token()
        self.received = 0  # bytes so far
        self.refreshes: list[float] = []  # seconds that parts which repeat have taken
        self._refresh_began: float | None = None
        self._changed = threading.Condition()
        # What is on the page, by its place: the element, its fragment, the run that made it.
        self._elements: dict[tuple[int, ...], tuple[Any, str, int]] = {}
        self._run = 0
        self._values: dict[str, WidgetState] = {}
        self._repeats: dict[str, tuple[float, float]] = {}  # fragment: interval, next time
        self._asked = False  # whether an answer is on its way
        self._page, self._page_hash, self._query = "", "", ""
        self._open = ExitStack()
        connection = connect(
            f"{self._url.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": f"mnist_lab_visitor={self.token}"},
            max_size=None,
            proxy=None,
        )
        self._socket = self._open.enter_context(connection)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect, as a tab that is closed does."""
        self._open.close()
        self._listener.join(timeout=10)

    def visit(self, page: str = "", query: str = "") -> float:
        """Open a page by its path ("", "train", …) with the text behind the `?`."""
        with self._changed:
            self._page, self._page_hash, self._query = page, "", query
            self._elements, self._values, self._repeats = {}, {}, {}
        return self._ask(fragment="")

    def press(self, key: str) -> float:
        """Press the button with this key."""
        element, fragment = self._find(key)
        return self._ask(fragment, WidgetState(id=element.id, trigger_value=True))

    def send(self, key: str, **value: Any) -> float:
        """Give the widget with this key a value, `string_value="cnn"` say, and keep it."""
        element, fragment = self._find(key)
        self._values[element.id] = WidgetState(id=element.id, **value)
        return self._ask(fragment)

    def draw(self, digit: int) -> float:
        """Draw a digit on the Draw page in place of what is on the paper."""
        strokes = tuple(
            Stroke(tuple((SIDE * x, SIDE * y) for x, y in points)) for points in DIGITS[digit]
        )
        shown = json.loads(self._find("drawing_board")[0].json)
        canvas = {**as_canvas(strokes), "background": shown["backgroundColor"]}
        drawing = {"drawing": {"raw": canvas, "data": None}}
        return self.send("drawing_board", json_value=json.dumps(drawing))

    def rerun(self) -> float:
        """Run the whole page again, as a press outside every fragment does."""
        return self._ask(fragment="")

    def has(self, key: str) -> bool:
        """True when the page has a widget with this key."""
        return any(_key_of(element) == key for element, *_ in self._elements.copy().values())

    def text(self) -> str:
        """The words on the page: markdown, headings, alerts."""
        found = (getattr(element, "body", "") for element, *_ in self._elements.copy().values())
        return "\n".join(words for words in found if words)

    def wait(self, seconds: float) -> None:
        """Wait until the server has answered anything, or so long."""
        with self._changed:
            self._changed.wait(seconds)

    def _find(self, key: str) -> tuple[Any, str]:
        for element, fragment, _ in self._elements.copy().values():
            if _key_of(element) == key:
                return element, fragment
        raise SessionError(f"There is no “{key}” on the page /{self._page}.")

    def _ask(self, fragment: str, trigger: WidgetState | None = None) -> float:
        began = time.perf_counter()
        with self._changed:
            # One thing at a time, so that it is clear what the next answer answers.
            self._changed.wait_for(lambda: not self._asked, REPEAT_TIMEOUT)
            self._asked, self._refresh_began = True, None
            self._request(fragment, [trigger] if trigger else [], repeated=False)
            if not self._changed.wait_for(lambda: not self._asked, TIMEOUT):
                raise SessionError(f"/{self._page} did not answer within {TIMEOUT:.0f} s.")
        for element, *_ in self._elements.copy().values():
            if element.DESCRIPTOR.name == "Exception":
                raise SessionError(f"/{self._page} shows {element.type}: {element.message}")
        return time.perf_counter() - began

    def _request(self, fragment: str, triggers: Iterable[WidgetState], *, repeated: bool) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_name = self._query, self._page
        state.page_script_hash, state.fragment_id = self._page_hash, fragment
        state.is_auto_rerun = repeated
        state.context_info.url = f"{self._url}/{self._page}"
        state.context_info.timezone = "UTC"
        state.widget_states.widgets.extend([*self._values.values(), *triggers])
        self._socket.send(message.SerializeToString())

    def _listen(self) -> None:
        """Take what the server sends, and ask for the parts of the page that repeat."""
        while True:
            try:
                data = self._socket.recv(timeout=self._until_next())
            except TimeoutError:
                data = None
            except ConnectionClosed:
                return
            with self._changed:
                if data:
                    self.received += len(data)
                    message = ForwardMsg()
                    message.ParseFromString(data)
                    self._take(message)
                self._repeat()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._run += 1
        elif kind == "navigation":
            self._page_hash = message.navigation.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            path = tuple(message.metadata.delta_path)
            content = getattr(element, element.WhichOneof("type") or "empty")
            self._elements[path] = content, message.delta.fragment_id, self._run
        elif kind == "auto_rerun":
            wanted = message.auto_rerun
            due = time.monotonic() + wanted.interval
            self._repeats[wanted.fragment_id] = wanted.interval, due
        elif kind == "stop_auto_rerun":
            for fragment in message.stop_auto_rerun.fragment_ids:
                self._repeats.pop(fragment, None)
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "script_finished":
            # A page that asks to be run again has not answered yet.
            if message.script_finished != AGAIN:
                self._asked = False
                if self._refresh_began is not None:
                    self.refreshes.append(time.monotonic() - self._refresh_began)
                self._refresh_began = None
            self._forget_old(whole=message.script_finished == WHOLE)
            self._changed.notify_all()

    def _forget_old(self, *, whole: bool) -> None:
        """Forget what this run of the page, or of its fragments, has not made again."""
        made = [(fragment, run) for _, fragment, run in self._elements.values()]
        ran = {fragment for fragment, run in made if run == self._run}
        self._elements = {
            place: (element, fragment, run)
            for place, (element, fragment, run) in self._elements.items()
            if run == self._run or not (whole or fragment in ran)
        }

    def _until_next(self) -> float:
        """Seconds until a part of the page is due again."""
        due = min((due for _, due in self._repeats.copy().values()), default=float("inf"))
        return min(max(due - time.monotonic(), 0.05), LISTEN_SECONDS)

    def _repeat(self) -> None:
        now = time.monotonic()
        for fragment, (interval, due) in self._repeats.items():
            if due <= now and not self._asked:
                self._repeats[fragment] = interval, now + interval
                self._asked, self._refresh_began = True, now
                try:
                    self._request(fragment, [], repeated=True)
                except ConnectionClosed:
                    return


def _key_of(element: Any) -> str:
    """The key in a widget's id, which Streamlit makes as `$$ID-digest-key`."""
    return str(getattr(element, "id", "")).partition("-")[2].partition("-")[2]


@contextmanager
def open_sessions(url: str, count: int) -> Iterator[list[Session]]:
    """So many sessions, each of a visitor of its own; closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(Session(url)) for _ in range(count)]
