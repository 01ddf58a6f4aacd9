"""The benchmarks' command line; what they measure is not tested but read."""

from __future__ import annotations

import json
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
