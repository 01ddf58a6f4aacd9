"""The log: one line an event, each with the run it is about, also from the training process."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest

from mnist_core.base import logs
from mnist_core.base.paths import REPOSITORY
from mnist_core.engine.engine import Engine
from mnist_core.storage.store import Store
from tests.support.runs import FAKE, SHORT, is_status, reach

log = logging.getLogger("mnist_core.of_this_test")


@pytest.fixture
def written(request, monkeypatch):
    """What is written to the log, in the form that the test asks for."""
    monkeypatch.setenv("MNIST_LAB_LOG", getattr(request, "param", "json"))
    root, stream = logging.getLogger(), io.StringIO()
    levels = {name: logging.getLogger(name).level for name in logs.OURS}
    before = [handler for handler in root.handlers if handler.name == logs.NAME]
    for handler in before:
        root.removeHandler(handler)
    logs.configure(stream)
    logs.configure(stream)
    yield stream
    for handler in [handler for handler in root.handlers if handler.name == logs.NAME]:
        root.removeHandler(handler)
    for handler in before:
        root.addHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_what_it_is_about_once(written):
    with logs.about(study="s1"), logs.about(run="r1"):
        log.info("within")
    log.info("named", extra={"run": "r2"})
    log.info("outside")
    logging.getLogger("distributed.of_this_test").info("a connection")
    within, named, outside = lines(written)
    assert (within["message"], within["run"], within["study"]) == ("within", "r1", "s1")
    assert within["level"] == "info" and within["logger"] == log.name
    assert named["run"] == "r2" and "study" not in named
    assert "run" not in outside


def test_json_keeps_a_traceback_on_its_line(written):
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it failed", extra={"run": "r1"})
    (line,) = lines(written)
    assert "ValueError: two\nlines" in line["traceback"] and line["run"] == "r1"
    newest = logs.recent_errors()[0]
    assert (newest.level, newest.where) == ("error", "run r1") and "it failed" in newest.message


@pytest.mark.parametrize("written", ["text", "nonsense"], indirect=True)
def test_text_cannot_be_made_to_look_like_another_line(written):
    log.warning("name %s", "x\n2026-01-01 ERROR all is lost", extra={"run": "r1"})
    (line,) = written.getvalue().splitlines()
    assert line.endswith(" run=r1") and "WARNING mnist_core.of_this_test: name x 2026" in line


def test_the_engine_tells_the_story_of_a_run(written):
    store = Store()
    engine = Engine(store, trainer=FAKE)
    try:
        run = engine.start(SHORT)
        reach(store, run, is_status("finished"))
    finally:
        engine.close()
        store.close()
    story = [line["message"] for line in lines(written) if line.get("run") == run]
    assert story == ["the run is queued", "training starts", "training has finished"]


def test_the_training_process_writes_to_the_servers_log():
    code = """
import time
from mnist_core.base import logs
from mnist_core.engine.engine import Engine
from mnist_core.experiment.spec import Experiment
from mnist_core.storage.store import Store

if __name__ == "__main__":
    logs.configure()
    store = Store()
    engine = Engine(store, trainer="tests.support.fake_training:train")
    run = engine.start(Experiment.from_query("preset=two-layer&name=refuses"))
    while store.run(run).status != "failed":
        time.sleep(0.05)
    engine.close()
    print(run)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    run = done.stdout.strip()
    assert run and done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if f"run={run}" in line]
    assert [line for line in told if "mnist_core.engine.worker: training could not go on" in line]
    assert "RuntimeError: there is no such network" in done.stderr
    assert not [line for line in done.stderr.splitlines() if "distributed" in line[:60]]
