"""The status view: what it tells, and to whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import __main__ as command
from mnist_core.base.paths import REPOSITORY
from mnist_core.cli import admin_key, status
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
from mnist_core.visitors import heartbeat
from mnist_core.visitors.visitors import Presence
from tests.support.postgres import postgres
from tests.support.runs import FAKE, LONG, reach
from tests.support.runs_in_store import SMALL, ended_run

KEY = "a key that nobody guesses"


def rows(found: status.Status, title: str) -> list[tuple[str, str]]:
    return next(section.rows for section in status.sections(found) if section.title == title)


def test_queue_servers_and_workers_of_a_server_that_trains(store):
    engine = Engine(store, trainer=FAKE)
    try:
        running, waiting = engine.start(LONG), engine.start(LONG)
        reach(store, running, lambda run: run.step > 0)
        found, pid = status.look(store), engine.worker_pid()
    finally:
        engine.close()
    assert [(run.run, run.status) for run in found.queue] == [
        (running, "running"), (waiting, "queued")
    ]  # fmt: skip
    assert found.queue[0].step > 0 and found.queue[0].worker
    (server,) = found.servers
    (worker,) = (each for each in found.workers if each.where == f"process {pid}")
    assert f"process {os.getpid()}" in server.where
    assert server.memory > 10_000_000 and worker.memory > 10_000_000
    assert rows(found, "Queue")[1][1].startswith("waits, queued ")
    gone = status.look(store)
    assert not gone.queue and not gone.servers and not gone.workers


def test_a_server_on_another_machine_is_named_without_its_memory(store, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    heartbeat.register(store, "other")
    monkeypatch.undo()
    (server,) = status.look(store).servers
    assert server.where.startswith("elsewhere") and server.memory is None


def test_use_room_versions_and_trouble(store):
    ended_run(store)
    failed = store.create_run(SMALL.model_copy(update={"name": "a visitor's words"}))
    store.set_status(failed, "failed", "It ran out of memory.", ended=datetime.now(UTC))
    Presence(store).notice("visitor-1")
    found = status.look(store, sessions=3)
    assert found.runs == {"failed": 1, "finished": 1}
    assert (found.visitors, found.sessions) == (1, 3)
    assert found.database_size > 10_000 and found.database.startswith("SQLite 3.")
    assert 0 < found.disk_free <= found.disk_size and 0 < found.memory_free < found.memory_size
    assert (
        found.versions["streamlit"] == st.__version__ and "missing" not in found.versions.values()
    )
    assert [t.what for t in found.errors if failed in t.what] == [
        f"run {failed}: It ran out of memory."
    ]
    shown = status.text(found)
    assert "3" in dict(rows(found, "Use"))["Pages open"] and "1 finished" in shown
    assert "a visitor's words" not in shown and "visitor-1" not in shown


def test_on_postgresql():
    with postgres() as url:
        store = Store(url)
        found = status.look(store)
        store.close()
    assert found.database.startswith("postgresql ") and found.database_size > 1_000_000


def test_the_command_reads_the_database_of_the_home(home, capsys):
    assert command.main(["status"]) == 1
    assert f"no database in {home}" in capsys.readouterr().out
    assert not (home / "lab.db").exists()
    Store().close()
    assert command.main(["status"]) == 0
    assert "No runs are queued." in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "mnist_core", "status", "--json"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["queue"] == []


# Who sees the page


@pytest.fixture
def page(store):
    st.cache_resource.clear()

    def open_page() -> AppTest:
        app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60)
        return app.switch_page("pages/status.py").run()

    yield open_page
    st.cache_resource.clear()


def is_shown(app: AppTest) -> bool:
    assert not app.exception, app.exception
    return "Versions" in [heading.value for heading in app.subheader]


def test_a_lab_of_ones_own_shows_it(page, store):
    run = store.create_run(SMALL)
    store.set_status(run, "failed", "**bold** <b>x</b>", ended=datetime.now(UTC))
    app = page()
    assert is_shown(app)
    cells = [str(value) for table in app.table for value in table.value.to_numpy().ravel()]
    assert any(r"\*\*bold\*\* \<b\>" in cell for cell in cells)


def test_a_public_server_without_a_key_shows_nothing(page, monkeypatch):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    app = page()
    assert not is_shown(app) and not app.text_input and not app.table


@pytest.mark.parametrize("public", ["1", ""])
def test_a_key_opens_it_and_nothing_else_does(page, monkeypatch, public):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", public)
    monkeypatch.setenv("MNIST_LAB_STATUS_KEY", KEY)
    app = page()
    assert not is_shown(app) and not app.table
    for wrong in ("", KEY[:-1], KEY + "x", "ключ"):
        app.text_input(key="status_key").set_value(wrong)
        app.button(key="open_status").click().run()
        assert not is_shown(app) and not app.table and "not the key" in app.error[0].value
    app.text_input(key="status_key").set_value(KEY)
    app.button(key="open_status").click().run()
    assert is_shown(app)
    assert not is_shown(page()), "another session needs the key, too"


def test_a_short_or_missing_key_opens_nothing(monkeypatch):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    for key in ("", "short"):
        monkeypatch.setenv("MNIST_LAB_STATUS_KEY", key)
        assert admin_key.is_needed() and not admin_key.is_set() and not admin_key.admits(key)


def test_it_is_in_no_menu(page):
    text = (REPOSITORY / "app.py").read_text()
    line = next(line for line in text.splitlines() if "pages/status.py" in line)
    assert 'visibility="hidden"' in line
