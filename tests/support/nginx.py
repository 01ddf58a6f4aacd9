"""An nginx of a test's own, with the site in `deploy/nginx.conf`: find the program, or install it.

`python -m tests.support.nginx` installs Debian's `nginx-light` where it is missing.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_core.base.paths import REPOSITORY
from tests.support.ports import free_port

SITE = REPOSITORY / "deploy" / "nginx.conf"
# Everything that nginx writes stays in the test's folder; the log is read by the test.
_MAIN = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    log_format asked '$status $request_uri';
    access_log {folder}/access.log asked;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def find_program() -> Path | None:
    """The program; Debian keeps it where only root's PATH looks."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


class Proxy:
    """A running nginx: its port, and what it was asked for."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder

    def asked(self) -> list[tuple[int, str]]:
        """Status and address of each request that it has answered so far."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [(int(line.split()[0]), line.split()[1]) for line in lines]

    def complaints(self) -> str:
        return (self.folder / "error.log").read_text()


@contextmanager
def nginx(*app_ports: int) -> Iterator[Proxy]:
    """The site of `deploy/nginx.conf`, in front of apps on these ports."""
    program = find_program()
    assert program is not None, "The tests need nginx: run “make nginx”."
    folder = Path(tempfile.mkdtemp(prefix="mnist-lab-nginx-"))
    port = free_port()
    site = _exchange(SITE.read_text(), "listen 80;", f"listen 127.0.0.1:{port};")
    servers = " ".join(f"server 127.0.0.1:{app_port};" for app_port in app_ports)
    site = _exchange(site, "server 127.0.0.1:8501;", servers)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
    process = subprocess.Popen(
        [str(program), "-p", str(folder), "-e", str(folder / "error.log"),
         "-c", str(folder / "nginx.conf")],
    )  # fmt: skip
    try:
        _wait_for(process, port, folder)
        yield Proxy(port, folder)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _exchange(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{SITE.name} does not say “{old}” once"
    return text.replace(old, new)


def _wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = (folder / "error.log").read_text()
                raise RuntimeError(f"nginx does not answer:\n{said}") from error
            time.sleep(0.05)


def _install() -> bool:
    from tests.e2e.browser import install_from_debian

    return install_from_debian("nginx-light")


def main() -> int:
    """Make sure that there is an nginx to start."""
    if find_program() or (_install() and find_program()):
        return 0
    print("The tests need nginx: install it (nginx-light), then run “make test” again.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
