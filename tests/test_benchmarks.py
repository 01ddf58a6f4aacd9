"""The benchmarks' command line; what they measure is not tested but read."""

from __future__ import annotations

import contextlib
import json
import sys
import types

import pytest

from benchmarks import __main__ as command


def test_the_list_names_each_benchmark(capsys):
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == command.names()
    assert {"train", "draw-latency"} <= set(command.names())


def test_the_json_file_says_where_and_when(tmp_path, monkeypatch, capsys):
    fake = types.SimpleNamespace(
        SUMMARY="nothing", add_arguments=lambda parser: None, run=lambda args: {"ratio": 1.0}
    )
    monkeypatch.setattr(command, "names", lambda: ["fake"])
    monkeypatch.setattr(command, "import_module", lambda name: fake)
    file = tmp_path / "out.json"
    assert command.main(["fake", "--json", str(file)]) == 0
    report = json.loads(file.read_text())
    assert report["result"] == {"ratio": 1.0}
    assert report["machine"]["cpu"] in capsys.readouterr().out
    assert report["date"].endswith("+00:00")


def test_an_unknown_benchmark_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "invalid choice" in capsys.readouterr().err


def test_each_run_of_the_memory_benchmark_is_another_network():
    from benchmarks.memory import small_experiment

    networks = [small_experiment(number).network for number in range(60)]
    assert len(set(networks)) == 60
    kinds = [network.layers[0].kind for network in networks[:4]]
    assert kinds == ["flatten", "conv", "flatten", "conv"]


@pytest.fixture
def server(tmp_path, home):
    from tests.e2e.server import running

    with running(home, tmp_path / "server.log") as found:
        yield found


def test_sessions_without_a_browser_see_and_press(server):
    from benchmarks._sessions import SessionError, open_sessions
    from benchmarks.memory import memory, train
    from mnist_core import Experiment

    with open_sessions(server.url, 2) as (one, other):
        assert one.token != other.token
        assert one.visit("explore") > 0 and "Explore" in one.text()
        with pytest.raises(SessionError, match="no “start_training”"):
            one.press("start_training")
        query = "layers=flatten;dense(units:3)&epochs=1&training_images=200"
        train(one, Experiment.from_query(query))
        assert not one.has("pause_training")  # gone with the end of the run
        other.visit("train")
        assert "**finished**" in other.text()
        held = memory(server)
    assert 0 < held["worker"] < held["sum"] and held["server"] > 50


def test_interaction_is_reported_as_a_ratio_of_medians(capsys):
    from benchmarks import interaction

    times = {
        (page, state): seconds
        for page in interaction.PAGES
        for state, seconds in {"idle": [0.1, 0.1, 9.0], "busy": [0.15, 0.15, 0.2]}.items()
    }
    report = interaction._report(times)["pages"]
    assert report["/train"]["ratio"] == pytest.approx(1.5)
    assert "ratio 1.50" in capsys.readouterr().out


def test_training_is_reported_as_how_many_times_as_long_the_others_take(capsys):
    from benchmarks import train

    here, fit = ({"seconds": s, "wall": 2 * s, "test_accuracy": 0.9} for s in (2.0, 5.0))
    report = train._compared({"here": [here] * 3, "model.fit": [fit] * 3}, epochs=1)
    assert report["seconds_ratio"] == {"model.fit": 2.5} == report["wall_ratio"]
    assert "later_ratio" not in report and report["seconds"] == {"here": 2.0, "model.fit": 5.0}
    assert "here   2.00 s   model.fit   5.00 s (2.50 ×)" in capsys.readouterr().out


def test_an_interpreter_without_pytorch_says_so(tmp_path, capfd):
    from benchmarks._sides import torch_side
    from mnist_core import PRESETS

    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['torch'] = None")
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    with torch_side(str(script)) as ask, pytest.raises(RuntimeError, match="has ended"):
        ask(PRESETS["two-layer"])
    assert "torch" in capfd.readouterr().err


def test_a_training_that_does_not_get_on_ends_the_load(monkeypatch):
    from benchmarks import load

    store = types.SimpleNamespace(active_runs=lambda: [types.SimpleNamespace(step=7)])
    lab = types.SimpleNamespace(store=lambda: contextlib.nullcontext(store))
    monkeypatch.setattr(load, "COMPILED_SECONDS", 0.0)
    with pytest.raises(RuntimeError, match="took no 100 steps"):
        load._speed(lab, lambda: pytest.fail("It begins all the same."))
