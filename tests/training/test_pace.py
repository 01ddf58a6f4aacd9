"""How long the rest of a run takes, as its own steps tell: never from the first ones."""

from __future__ import annotations

import pytest

from mnist_core.training import loop


@pytest.fixture
def clock(monkeypatch):
    """The clock that the loop reads, in a list of one."""
    now = [100.0]
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now[0])
    return now


def test_compiling_and_the_first_steps_tell_nothing(clock):
    pace = loop._Pace(began=clock[0])
    clock[0] += 20  # builds and compiles, and takes a step
    pace.note(1, 19.0)
    assert pace.left(1, 1000) is None and pace.step_seconds(1) is None
    clock[0] += 0.1
    pace.note(11, 0.05)
    assert pace.left(11, 1000) is None, "10 of 1,000 steps say too little"
    clock[0] += 0.9
    pace.note(101, 0.45)
    # 100 steps took 1 s with what comes between them, of which 0.5 s were the steps' own.
    assert pace.left(101, 1000) == pytest.approx(8.99)
    assert pace.step_seconds(101) == pytest.approx(0.005)


def test_a_slow_run_says_it_after_a_second_and_a_half_and_pauses_do_not_count(clock):
    pace = loop._Pace(began=clock[0])
    clock[0] += 5
    pace.note(1, 5.0)
    clock[0] += 60
    pace.waited = 60
    clock[0] += 2
    pace.note(3, 2.0)
    assert pace.left(3, 1000) == pytest.approx(997)
    assert pace.busy() == pytest.approx(7)
