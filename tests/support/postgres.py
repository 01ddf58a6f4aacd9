"""A PostgreSQL server of a test's own: find the programs, or install them.

`python -m tests.support.postgres` installs Debian's `postgresql` where it is missing.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

DEBIAN = Path("/usr/lib/postgresql")
NEEDED = ("initdb", "postgres")


def find_programs() -> Path | None:
    """The folder that holds `initdb` and `postgres`, the newest version's; None without one."""
    versions = DEBIAN.glob("*/bin") if DEBIAN.exists() else []
    newest = sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    on_path = [Path(found).parent for name in NEEDED[:1] if (found := shutil.which(name))]
    for folder in [*newest, *on_path]:
        if all((folder / name).exists() for name in NEEDED):
            return folder
    return None


@dataclass
class Postgres:
    """A server on loopback; `url` is that of its database for SQLAlchemy."""

    command: list[str]
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://lab@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, for the first time or again, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, user=self.user, cwd=self.folder
            )
        _wait_for(self.process, self.port, self.folder / "log")

    def stop(self) -> None:
        """End it at once, and all connections; what was committed stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """An empty server on loopback; gives the SQLAlchemy URL of its database."""
    with postgres_server() as server:
        yield server.url


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """An empty server on loopback that a test may stop and start again."""
    programs = find_programs()
    assert programs is not None, "The tests need PostgreSQL: run “make postgres”."
    folder = Path(tempfile.mkdtemp(prefix="mnist-lab-postgres-"))
    user = _unprivileged(folder)
    data = folder / "data"
    command = [str(programs / "initdb"), "-D", str(data), "-U", "lab", "-A", "trust", "-E", "UTF8"]
    subprocess.run([*command, "--no-locale", "--no-sync"], check=True, capture_output=True,
                   user=user, cwd=folder)  # fmt: skip
    port = free_port()
    options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
    command = [str(programs / "postgres"), "-D", str(data), "-F"]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    server = Postgres(command, folder, port, user)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL does not run as root: the user that Debian's package made, who gets `folder`."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return account.pw_name


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            address = {"host": "127.0.0.1", "port": port, "user": "lab", "dbname": "postgres"}
            psycopg.connect(**address).close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not answer:\n{log.read_text()}") from error
            time.sleep(0.05)


def _install() -> bool:
    from tests.e2e.browser import install_from_debian

    return install_from_debian("postgresql")


def main() -> int:
    """Make sure that there is a PostgreSQL server to start."""
    if find_programs() or (_install() and find_programs()):
        return 0
    print("The tests need PostgreSQL: install it (postgresql), then run “make test” again.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
