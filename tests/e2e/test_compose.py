"""deploy/compose.yaml without containers: its processes, with its commands and its settings.

They run in a folder that holds what the image would hold, and nothing else of the repository.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from benchmarks._digits import DIGITS
from mnist_core.base.paths import REPOSITORY
from mnist_core.storage.store import Store
from tests.e2e.helpers import draw, open_page, press, wait_for_digit, wait_for_status, wait_until
from tests.support.ports import free_port
from tests.support.postgres import postgres

DEPLOY = REPOSITORY / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
PASSWORD = re.compile(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}")


def image(folder: Path) -> Path:
    """What `COPY . .` brings into the image: the lines of the .dockerignore that begin with !."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for name in [line[1:] for line in lines if line.startswith("!")]:
        source, target = REPOSITORY / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def image_settings() -> dict[str, str]:
    (line,) = re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in shlex.split(line))


def command(service: dict[str, Any]) -> list[str]:
    if "command" in service:
        return shlex.split(service["command"])
    (line,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return [str(word) for word in json.loads(line)]


class Composition:
    """The running services; `exchange` says what takes the place of names in their network."""

    def __init__(self, folder: Path, home: Path, exchange: dict[str, str]) -> None:
        self.folder = image(folder / "image")
        self.home = home
        self.log = folder / "log"
        self.exchange = exchange
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str) -> None:
        """As many processes of a service as the composition has."""
        service = SERVICES[name]
        settings = image_settings() | service.get("environment", {})
        settings |= {"STREAMLIT_SERVER_PORT": str(self.port), "MNIST_LAB_HOME": str(self.home),
                     "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}  # fmt: skip
        settings = {key: self._here(value) for key, value in settings.items()}
        words = [self._here(word) for word in command(service)]
        if name == "certificates":
            subprocess.run(words, cwd=self._here(service["working_dir"]), check=True,
                           capture_output=True)  # fmt: skip
            return
        assert words[0] == "python"
        words[0] = sys.executable
        if "dask" in words:
            words += ["--host", "127.0.0.1"]
        outside = {k: v for k, v in os.environ.items() if not k.startswith("MNIST_LAB_")}
        outside.pop("PYTHONPATH", None)
        for _ in range(service.get("scale", 1)):
            with self.log.open("ab") as log:
                self.processes.append(
                    subprocess.Popen(words, cwd=self.folder, env=outside | settings, stdout=log,
                                     stderr=log, stdin=subprocess.DEVNULL)
                )  # fmt: skip

    def wait_for_health(self) -> None:
        wait_until(self._healthy, 90, "The app does not answer")

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def _healthy(self) -> bool:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2).status == 200
        return False

    def _here(self, text: str) -> str:
        for name, place in self.exchange.items():
            text = PASSWORD.sub("PASSWORD", text).replace(name, place)
        return text


@pytest.fixture
def server(home, tmp_path):
    with postgres() as url:
        port = str(free_port())
        (certificates := tmp_path / "certificates").mkdir()
        exchange = {
            "tls://scheduler:8786": f"tls://127.0.0.1:{port}",
            "/home/lab/certificates": str(certificates),
            "8786": port,
            "postgresql+psycopg://lab:PASSWORD@database/lab": url,
        }
        composition = Composition(tmp_path, home, exchange)
        composition.database = url
        try:
            for name in ("certificates", "scheduler", "worker", "app"):
                composition.start(name)
            composition.wait_for_health()
            yield composition
        finally:
            composition.end()


def test_a_visitor_trains_on_the_compositions_workers(server, page, home):
    assert SERVICES.keys() == {"app", "scheduler", "worker", "database", "certificates"}
    open_page(page, f"{server.url}/train?preset=two-layer&epochs=1", "start_training")
    press(page, "start_training")
    wait_for_status(page, "finished", timeout=120)
    store = Store(server.database)
    (run,) = store.runs(owner=None)
    store.close()
    assert run.worker.startswith("tls://127.0.0.1:") and run.test_accuracy > 0.9
    assert list(home.glob("*.db")) == []
    assert len(server.processes) == 4
    assert all(process.poll() is None for process in server.processes)

    open_page(page, f"{server.url}/draw", "canvas")
    draw(page, *DIGITS[1])
    wait_for_digit(page, 1, 90)
