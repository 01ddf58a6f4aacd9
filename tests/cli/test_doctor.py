"""The doctor: each kind of trouble, made for real, is named with its remedy; nothing changes."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata

import numpy as np
import pytest

from mnist_core import __main__ as command
from mnist_core.base import packages
from mnist_core.base.paths import REPOSITORY
from mnist_core.cli import doctor
from mnist_core.data import mnist
from mnist_core.drawing import pretrained
from mnist_core.storage.store import Store
from mnist_core.visitors import heartbeat
from tests.support.postgres import postgres
from tests.support.runs_in_store import ended_run


def trouble(check) -> str:
    finding = doctor.examined("check", check)
    assert not finding.well, finding
    assert "\n" not in finding.text and "Traceback" not in finding.text
    return finding.text


def test_a_sound_installation_passes_and_nothing_stored_changes(home, capsys):
    store = Store()
    ended_run(store)
    store.close()
    with sqlite3.connect(home / "lab.db") as database:
        before = list(database.iterdump())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert command.main(["doctor", "--port", str(port)]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out.splitlines()
    names = [
        "python",
        "packages",
        "data",
        "home",
        "database",
        "settings",
        "machine",
        "port",
        "network",
        "model",
    ]
    assert [line.split()[:2] for line in said[:-1]] == [["ok", name] for name in [*names, "worker"]]
    assert said[-1] == "All is well."
    with sqlite3.connect(home / "lab.db") as database:
        assert list(database.iterdump()) == before


def test_the_exit_code_and_the_last_line_count_the_problems(capsys):
    found = [doctor.Finding("a", True, "x"), doctor.Finding("b", False, "y. Do z.")]
    assert not doctor.report(found, print)
    assert capsys.readouterr().out.splitlines() == [
        "ok       a          x", "PROBLEM  b          y. Do z.", "1 problem."
    ]  # fmt: skip


def test_an_unsupported_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    assert "Python is 3.14.0. MNIST Lab needs 3.11 to 3.13" in trouble(doctor.python)


def test_packages_of_another_version_or_missing(monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "plotly":
            raise metadata.PackageNotFoundError(name)
        return "9.9" if name == "keras" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    said = trouble(doctor.packages)
    assert "plotly 7" in said and "is missing" in said and "keras is 9.9 instead of 3" in said
    assert "pip install -r requirements.txt" in said


def test_without_any_package_it_still_says_what_to_do():
    code = (
        "from mnist_core.cli import doctor;"
        "print(*map(doctor.examined, 'pd', [doctor.packages, doctor.data]), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("PROBLEM") == done.stdout.count("pip install -r") == 2


@pytest.mark.parametrize("broken", ["missing", "cut", "other images"])
def test_data_that_is_not_mnist(monkeypatch, tmp_path, broken):
    file = tmp_path / "mnist.npz"
    if broken == "cut":
        file.write_bytes(mnist.MNIST_FILE.read_bytes()[:100_000])
    elif broken == "other images":
        arrays = {name: np.zeros((10, 28, 28), np.uint8) for name in mnist.CHECKSUMS}
        np.savez(file, **arrays)
    monkeypatch.setattr(mnist, "MNIST_FILE", file)
    assert "git checkout data/mnist.npz" in trouble(doctor.data)


def test_a_damaged_model(monkeypatch, tmp_path):
    shutil.copytree(pretrained.MODEL_FOLDER, tmp_path / "models")
    (tmp_path / "models" / pretrained.MODEL_NAME).write_bytes(b"no model")
    monkeypatch.setattr(pretrained, "MODEL_FOLDER", tmp_path / "models")
    pretrained._load.cache_clear()
    assert pretrained.MODEL_NAME in trouble(doctor.model)


def test_a_home_that_takes_no_file(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MNIST_LAB_HOME", str(tmp_path / "file"))
    said = trouble(doctor.home)
    assert str(tmp_path / "file") in said and "set MNIST_LAB_HOME" in said


def test_a_full_disk(monkeypatch, home):
    monkeypatch.setattr(doctor, "LEAST_DISK", 1 << 60)
    assert "Make room" in trouble(doctor.home)


def test_a_home_that_is_not_there_yet_is_not_made(monkeypatch, tmp_path):
    monkeypatch.setenv("MNIST_LAB_HOME", str(tmp_path / "new" / "home"))
    assert "writable" in doctor.home() and "none yet" in doctor.database()
    assert not (tmp_path / "new").exists()


def test_a_damaged_database_is_left_as_it_is(home):
    Store().close()
    file = home / "lab.db"
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)
    said = trouble(doctor.database)
    assert str(file) in said and "damaged" in said
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(data).digest()


def test_a_locked_database(home, monkeypatch):
    Store().close()
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(home / "lab.db")) as other:
        other.execute("begin immediate")
        assert "locked" in trouble(doctor.database)


def test_a_database_that_does_not_answer_and_its_password_is_not_shown(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, and nobody listens
        port = closed.getsockname()[1]
        monkeypatch.setenv(
            "MNIST_LAB_DATABASE", f"postgresql+psycopg://u:hidden@127.0.0.1:{port}/d"
        )
        said = trouble(doctor.database)
    assert "Start the database" in said and f"u:***@127.0.0.1:{port}" in said
    assert "hidden" not in said


def test_a_database_server_that_works(monkeypatch):
    with postgres() as url:
        monkeypatch.setenv("MNIST_LAB_DATABASE", url)
        assert "still empty" in doctor.database()
        store = Store()
        assert "takes rows" in doctor.database()
        assert heartbeat.living(store) == set()
        store.close()


def test_an_address_that_is_none(monkeypatch):
    monkeypatch.setenv("MNIST_LAB_DATABASE", "my database")
    assert "postgresql+psycopg://" in trouble(doctor.database)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MNIST_LAB_THREADS", "0"),
        ("MNIST_LAB_THREADS", "many"),
        ("MNIST_LAB_MAX_EPOCHS", "-1"),
        ("MNIST_LAB_MAX_EPOCH", "20"),
        ("MNIST_LAB_PUBLIC", "perhaps"),
        ("MNIST_LAB_LOG", "xml"),
        ("MNIST_LAB_STATUS_KEY", "short"),
    ],
)
def test_settings_that_make_no_sense(monkeypatch, name, value):
    assert "a personal lab" in doctor.settings()
    monkeypatch.setenv(name, value)
    assert name in trouble(doctor.settings)


def test_a_port_that_another_program_has_and_one_that_the_app_has():
    class App(BaseHTTPRequestHandler):
        health = b"ok"

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.health if self.path == "/_stcore/health" else b"?")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), App) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert "an app answers" in doctor.free_port(server.server_port)
        App.health = b"no"
        port = server.server_port
        assert f"make app PORT={port + 1}" in trouble(lambda: doctor.free_port(port))
        server.shutdown()


def test_a_scheduler_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 0.5)
    monkeypatch.setenv("MNIST_LAB_SCHEDULER", "tcp://127.0.0.1:1")
    with doctor._worker_check() as worker:
        assert "The scheduler at tcp://127.0.0.1:1 cannot be reached. Start it" in trouble(worker)


def test_a_worker_that_cannot_start(monkeypatch):
    monkeypatch.setattr(doctor, "WORKER_SECONDS", 1)
    monkeypatch.setattr("mnist_core.engine.worker_process.sys.executable", "/bin/false")
    with doctor._worker_check() as worker:
        assert "training process" in trouble(worker).lower()


def test_settings_in_streamlits_secrets_count(monkeypatch, tmp_path):
    (tmp_path / ".streamlit").mkdir()
    text = 'MNIST_LAB_THREADS = 2\nother = "x"\n[section]\nMNIST_LAB_LOG = "json"\n'
    (tmp_path / ".streamlit" / "secrets.toml").write_text(text)
    monkeypatch.setenv("MNIST_LAB_THREADS", "many")
    command.take_secrets([tmp_path / "nowhere", tmp_path])
    assert "threads for training: 2" in doctor.settings()


def test_threads_set_for_tensorflow_are_told(monkeypatch):
    monkeypatch.delenv("MNIST_LAB_THREADS", raising=False)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert "threads for training: 3" in doctor.settings()


def test_tensorflow_with_a_gpu_does_as_well(monkeypatch):
    versions = {"tensorflow": "2.21.0"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    assert packages.installed("tensorflow-cpu") == "2.21.0"
    assert packages.installed("keras") is None
