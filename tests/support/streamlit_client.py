"""A client that speaks Streamlit's websocket, as a browser does, or as no browser would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

# Judged in docs/server.md. What a new version of Streamlit brings beside these stays closed, and
# is to be judged there and here.
OPEN = {"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"}
CLOSED = {
    "clear_cache",
    "set_run_on_save",
    "load_git_info",
    "debug_disconnect_websocket",
    "debug_shutdown_runtime",
}
OPEN_OPERATIONS = {"deferred_file", "dataframe_chunk"}
CLOSED_OPERATIONS = {"install_skills", "dismiss_skills_nudge"}


def message(kind: str) -> BackMsg:
    made = BackMsg()
    field = BackMsg.DESCRIPTOR.fields_by_name[kind]
    if field.message_type is None:
        setattr(made, kind, True)
    else:
        getattr(made, kind).SetInParent()
    return made


def operation(kind: str) -> BackMsg:
    made = BackMsg()
    getattr(made.backend_operation_request, kind).SetInParent()
    return made


class Client:
    """One connection to a server, without a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, message: BackMsg) -> None:
        """Say something."""
        self.connection.send(message.SerializeToString())

    def answers(self, until: str, seconds: float = 60) -> list[ForwardMsg]:
        """What the server says, up to and with the first message of this kind."""
        heard: list[ForwardMsg] = []
        while not heard or heard[-1].WhichOneof("type") != until:
            data = self.connection.recv(timeout=seconds)
            heard.append(ForwardMsg.FromString(data))
        return heard

    def open_page(self, name: str = "") -> dict[str, list[str]]:
        """Have a page run to its end; the ids of its elements ("" without one), by their kinds."""
        message = BackMsg()
        message.rerun_script.page_name = name
        self.send(message)
        ids: dict[str, list[str]] = {}
        for answer in self.answers("script_finished"):
            element = answer.delta.new_element
            if (kind := element.WhichOneof("type")) is not None:
                ids.setdefault(kind, []).append(getattr(getattr(element, kind), "id", ""))
        return ids

    def is_there(self) -> None:
        """Wait until the server has taken in all that was sent before."""
        self.send(BackMsg(app_heartbeat=True))
        self.answers("heartbeat_ack")


@contextmanager
def client(url: str) -> Iterator[Client]:
    """Connect to the server at this address."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(address, max_size=None, proxy=None) as connection:
        yield Client(connection)
