"""What a shared server allows: the sentences before a start, reasons to end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.experiment import search_space
from mnist_core.experiment.study import StudySpec
from mnist_core.visitors.limits import (
    LOCAL,
    PUBLIC,
    current,
    experiment_problem,
    rules,
    study_problem,
    upload_problem,
)
from mnist_core.visitors.run_limits import Times, is_away, reason_to_end

SMALL = Experiment.from_query("layers=flatten;dense(units:4)&epochs=2")


@pytest.mark.parametrize("value", ["1", "true", "YES", " on ", "public"])
def test_a_shared_server_has_limits_and_a_lab_has_none(monkeypatch, value):
    assert current() == LOCAL
    monkeypatch.setenv("MNIST_LAB_PUBLIC", value)
    assert current() == PUBLIC


@pytest.mark.parametrize("value", ["", "0", "False", " no"])
def test_a_lab_of_ones_own_has_none_when_it_says_so(monkeypatch, value):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", value)
    assert current() == LOCAL


def test_settings_change_and_lift_limits(monkeypatch, caplog):
    monkeypatch.setenv("MNIST_LAB_PUBLIC", "1")
    monkeypatch.setenv("MNIST_LAB_MAX_EPOCHS", "7")
    monkeypatch.setenv("MNIST_LAB_MAX_MINUTES", "2.5")
    monkeypatch.setenv("MNIST_LAB_MAX_PARAMETERS", "none")
    monkeypatch.setenv("MNIST_LAB_MAX_WAITING", "-3")
    monkeypatch.setenv("MNIST_LAB_MAX_KEPT_RUNS", "many")
    assert current() == replace(PUBLIC, epochs=7, minutes=2.5, parameters=None)
    for name in ("MNIST_LAB_MAX_WAITING=-3", "MNIST_LAB_MAX_KEPT_RUNS=many"):
        assert name in caplog.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("layers=flatten;dense(units:2048)", "1,628,170 parameters; this server trains up to 1,0"),
        ("preset=two-layer&epochs=51", "51 epochs; a run on this server has at most 50"),
        (
            "layers=conv(filters:64);conv(filters:64,kernel_size:5);flatten&batch_size=2048",
            "multiplications",
        ),
    ],
)
def test_too_large_an_experiment_is_refused_with_a_sentence(query, sentence):
    experiment = Experiment.from_query(query)
    assert sentence in experiment_problem(experiment, PUBLIC)
    assert experiment_problem(experiment, LOCAL) is None


def test_every_preset_may_be_trained_on_a_shared_server():
    for name, experiment in PRESETS.items():
        assert experiment_problem(experiment, PUBLIC) is None, name


def test_epochs_asked_for_later_count():
    assert experiment_problem(SMALL, PUBLIC, epochs=51)
    assert experiment_problem(SMALL, PUBLIC, epochs=50) is None


def test_a_study_is_bounded():
    spec = StudySpec(base=SMALL, vary=(search_space.vary(search_space.knobs(SMALL)[0]),), trials=31)
    assert "31 trials; this server allows at most 30" in study_problem(spec, PUBLIC)
    assert study_problem(spec.model_copy(update={"trials": 30}), PUBLIC) is None
    assert study_problem(spec, LOCAL) is None


def test_uploads_are_bounded():
    assert "31 files" in upload_problem([1] * 31, PUBLIC)
    assert "larger than the 25 MB" in upload_problem([1, 25_000_001], PUBLIC)
    assert upload_problem([25_000_000] * 30, PUBLIC) is None
    assert upload_problem([10**12] * 100, LOCAL) is None


def test_the_rules_are_said_where_there_are_any():
    assert rules(LOCAL) == ""
    said = rules(PUBLIC)
    for part in ("one run at a time", "50 epochs", "1,000,000 parameters", "15 minutes",
                 "after 10 minutes without an open page", "queue after 50 seconds",
                 "deleted 90 days after your last"):  # fmt: skip
        assert part in said
    assert "deleted" not in rules(replace(PUBLIC, kept_days=None))
    assert rules(replace(LOCAL, public=True, kept_days=1)).endswith(
        "one day after your last visit."
    )


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (Times(training=15 * 60 + 1), "after 15 minutes, this server’s limit. Its curve"),
        (Times(training=1, pause=10 * 60 + 1), "paused for 10 minutes"),
        (Times(training=1, begun=True, away=10 * 60 + 1), "no page open for 10 minutes. Its curve"),
        (Times(away=10 * 60 + 1), "It had not started yet."),
        (Times(away=51, waits=True), "no page open for 50 seconds. Start it again."),
        # It gave its worker away in a pause, and was resumed or not.
        (Times(begun=True, away=10 * 60 + 1), "no page open for 10 minutes. Its curve"),
        (Times(begun=True, away=51, waits=True), "weights are kept. Resume it when you like."),
    ],
)
def test_a_run_that_had_its_share_ends_with_a_reason(times, sentence):
    assert sentence in reason_to_end(times, PUBLIC)
    assert reason_to_end(times, LOCAL) is None


def test_a_run_within_its_share_goes_on():
    assert reason_to_end(Times(15 * 60, 10 * 60, 10 * 60), PUBLIC) is None
    assert reason_to_end(Times(away=50, waits=True), PUBLIC) is None
    assert reason_to_end(Times(away=51), PUBLIC) is None
    assert not is_away(600, PUBLIC) and is_away(601, PUBLIC) and not is_away(10**9, LOCAL)
