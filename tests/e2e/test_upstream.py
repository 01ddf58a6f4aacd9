"""Several app servers behind deploy/nginx.conf: a browser keeps to one, a school uses all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import HTTPCookieProcessor, build_opener

from tests.support.nginx import nginx


@contextmanager
def answering() -> Iterator[int]:
    """A server that answers everything with its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(server.server_port).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_browsers_of_one_address_are_spread_and_each_keeps_to_its_server() -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(answering()) for _ in range(2)]
        proxy = stack.enter_context(nginx(*ports))
        served = []
        for _ in range(30):
            jar = CookieJar()
            browser = build_opener(HTTPCookieProcessor(jar))
            paths = ("", "train", "_stcore/stream", "_stcore/upload_file/a", "explore?run=1")
            answers = {
                browser.open(f"http://127.0.0.1:{proxy.port}/lab/{path}").read() for path in paths
            }
            assert len(answers) == 1, "A page and its upload reached two servers"
            assert [cookie.path for cookie in jar] == ["/lab"]
            served.append(int(answers.pop()))
    # By chance alone all thirty would go one way once in 500 million times.
    assert set(served) == set(ports)
