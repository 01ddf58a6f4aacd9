"""Menus of runs: no two runs are called alike."""

from __future__ import annotations

from pages.session.network_choice import run_labels
from tests.support.runs_in_store import ended_run


def test_runs_of_one_name_can_be_told_apart_in_a_menu(store):
    ids = [ended_run(store) for _ in range(3)]
    for run_id in ids:
        store.rename(run_id, "alike")
    labels = run_labels({run_id: store.run(run_id) for run_id in ids})
    assert len(set(labels.values())) == 3
    assert labels[ids[1]] == f"{labels[ids[0]]} (2)"
