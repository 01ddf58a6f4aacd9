"""A Streamlit server of our own that a test may stop, kill and start again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from mnist_core.base import warm_process
from mnist_core.base.paths import REPOSITORY
from mnist_core.engine import worker_main
from tests.support.ports import free_port


class Server:
    """`streamlit run app.py` on a free port, its state in `home`; both stay over restarts.

    `settings` are environment variables besides those of this process, of which none is a setting
    of the lab. `url` is where a browser finds it; a test that puts a proxy in front writes the
    proxy's there. `app` is the file to run.
    """

    def __init__(self, home: Path, log: Path, settings: dict[str, str] | None = None) -> None:
        self.home = home
        self.app = REPOSITORY / "app.py"
        self.settings = settings or {}
        self.log = log
        self.port = free_port()
        path = self.settings.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
        self.own_url = self.url = f"http://127.0.0.1:{self.port}{path and '/' + path}"
        self.process: subprocess.Popen[bytes] | None = None
        self._seen: set[psutil.Process] = set()
        self._had_tensorflow = False

    def start(self, timeout: float = 90) -> None:
        """Start and wait until it answers."""
        options = {
            "server.headless": "true",
            "server.address": "127.0.0.1",
            "server.port": str(self.port),
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        outside = {k: v for k, v in os.environ.items() if not k.startswith("MNIST_LAB_")}
        environment = outside | self.settings | {"MNIST_LAB_HOME": str(self.home)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", str(self.app), *arguments],
                cwd=self.app.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not self._healthy():
            assert self.process.poll() is None, f"The server ended:\n{self.log_text()}"
            assert time.monotonic() < deadline, f"The server does not answer:\n{self.log_text()}"
            time.sleep(0.1)

    def stop(self, timeout: float = 20) -> None:
        """End it as Ctrl+C does; what it leaves running is ended too."""
        if self.alive():
            self._note()
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        self._end_all()

    def kill(self) -> None:
        """End the server, and nothing but the server, without warning (kill -9)."""
        assert self.process is not None
        self._note()
        self.process.kill()
        self.process.wait()

    def alive(self) -> bool:
        """True while the server's own process runs."""
        return self.process is not None and self.process.poll() is None

    def worker_pids(self) -> list[int]:
        """The processes that train."""
        return [child.pid for child in self._children() if _is(child, worker_main.NAME)]

    def has_tensorflow(self) -> bool:
        """True when the server's own process, or one before a restart, was seen with TensorFlow."""
        if self.alive() and loads_tensorflow(self.process.pid):
            self._had_tensorflow = True
        return self._had_tensorflow

    def computing_pids(self) -> list[int]:
        """The process that computes with networks, if it has been started."""
        return [child.pid for child in self._children() if _is(child, warm_process.NAME)]

    def log_text(self) -> str:
        """The end of what it has written, for people to read."""
        return self.whole_log()[-4000:]

    def whole_log(self) -> str:
        """All that it has written, restarts included."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _children(self) -> list[psutil.Process]:
        try:
            assert self.process is not None
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _note(self) -> None:
        """Remember what the server has started and loaded, before it ends."""
        self._seen.update(self._children())
        self.has_tensorflow()

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.own_url}/_stcore/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _end_all(self) -> None:
        self._note()
        left = {process for process in self._seen if process.is_running()}
        if self.alive():
            self.process.kill()
            self.process.wait()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)


@contextlib.contextmanager
def running(home: Path, log: Path, settings: dict[str, str] | None = None) -> Iterator[Server]:
    """A `Server` that has been started, and is stopped at the end."""
    with serving(Server(home, log, settings)) as own:
        yield own


@contextlib.contextmanager
def serving(own: Server) -> Iterator[Server]:
    """Start this server, and stop it at the end; fails when it has loaded TensorFlow."""
    try:
        own.start()
        yield own
        assert not own.has_tensorflow(), "The server has loaded TensorFlow."
    finally:
        own.stop()


def loads_tensorflow(pid: int) -> bool:
    """True when TensorFlow's library is in the process; False where the system does not tell."""
    with contextlib.suppress(OSError):
        return "libtensorflow" in Path(f"/proc/{pid}/maps").read_text()
    return False


def _is(process: psutil.Process, name: str) -> bool:
    try:
        return process.name() == name and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
