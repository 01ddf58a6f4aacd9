"""Doctor and status meet the lab that runs, whoever asks: its user, home, port and path."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time

import pytest

from mnist_core import __main__ as command
from mnist_core.base.paths import REPOSITORY
from mnist_core.cli import service
from mnist_core.storage.store import Store
from tests.support.ports import free_port


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A process that looks from outside as the service does, in a folder of its own."""
    folder = tmp_path / "srv"
    folder.mkdir()
    (folder / "app.py").write_text("import time\ntime.sleep(600)\n")
    (folder / "streamlit").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(service, "REPOSITORY", folder)
    home = tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "streamlit", "run", "app.py", f"--server.port={free_port()}"],
        cwd=folder,
        env=os.environ | {"MNIST_LAB_HOME": str(home), "STREAMLIT_SERVER_BASE_URL_PATH": "lab"},
    )
    monkeypatch.delenv("MNIST_LAB_HOME")
    kept = dict(os.environ)
    while service.running() is None:  # until it is the program
        assert process.poll() is None
        time.sleep(0.01)
    yield home
    process.kill()
    process.wait()
    os.environ.clear()
    os.environ.update(kept)


def test_its_settings_count(lab, capsys):
    lab.mkdir()
    Store(f"sqlite:///{lab / 'lab.db'}").close()
    assert command.main(["status"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Looking at the lab that runs as ") and "No runs are queued." in said
    assert os.environ["MNIST_LAB_HOME"] == str(lab)
    assert os.environ["STREAMLIT_SERVER_BASE_URL_PATH"] == "lab"
    assert os.environ["STREAMLIT_SERVER_PORT"].isdecimal()


def test_a_home_that_was_named_is_the_one_that_is_meant(lab, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MNIST_LAB_HOME", str(tmp_path / "mine"))
    assert command.main(["status"]) == 1
    assert f"no database in {tmp_path / 'mine'}" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_root_becomes_its_user_and_leaves_no_file_of_its_own():
    code = (
        "import os; from mnist_core.cli import service;"
        "service.take_its_place(service.Service(1, 'nobody', {'HOME': '/nonexistent'}));"
        "print(os.geteuid(), os.getegid(), os.environ['HOME'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True,
                          text=True, check=True)  # fmt: skip
    nobody = pwd.getpwnam("nobody")
    assert done.stdout.split() == [str(nobody.pw_uid), str(nobody.pw_gid), "/nonexistent"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_another_user_is_told_to_ask_as_root(lab):
    tool = shutil.which("setpriv")
    if tool is None:
        pytest.skip("no setpriv")
    code = (
        "from pathlib import Path; from mnist_core.cli import service, doctor;"
        f"service.REPOSITORY = Path({str(service.REPOSITORY)!r}); print(service.running())"
    )
    done = subprocess.run(
        [tool, "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "belongs to the user root. To look at that one, run this as root" in done.stderr
