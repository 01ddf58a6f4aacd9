"""Menus of runs: no two runs are called alike, and the one that is chosen is the one that is used.

A browser sends back the words of what was chosen, and AppTest does so, too.
"""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core.base.paths import REPOSITORY
from mnist_core.storage.store import Store
from pages.session.network_choice import run_labels
from tests.support.runs_in_store import ended_run


def alike(store: Store, count: int = 3) -> list[str]:
    """Runs of one name and one accuracy, newest first."""
    ids = [ended_run(store) for _ in range(count)]
    for run_id in ids:
        store.rename(run_id, "alike")
    return ids[::-1]


def test_runs_of_one_name_can_be_told_apart_in_a_menu(store):
    ids = alike(store)
    labels = run_labels({run_id: store.run(run_id) for run_id in ids})
    assert len(set(labels.values())) == 3
    oldest = labels[ids[-1]]
    assert labels[ids[1]] == f"{oldest} (2)", "The older one keeps its label when another comes"


@pytest.mark.parametrize(
    ("page", "menu"),
    [
        ("inspect", "Network"),
        ("draw", "Network"),
        ("train", "Run"),
    ],
)
def test_the_run_that_is_chosen_among_runs_of_one_name_is_the_one_used(store, page, menu):
    ids = alike(store)
    st.cache_resource.clear()
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
    app.switch_page(f"pages/{page}.py").run()
    box = next(item for item in app.selectbox if item.label == menu)
    runs = [label for label in box.options if "alike" in label]
    assert len(set(runs)) == len(ids)
    box.set_value(ids[1]).run()
    assert not app.exception
    state = app.session_state
    used = {"inspect": lambda: state["inspect_place"].run,
            "draw": lambda: state["reading_network"],
            "train": lambda: state["shown_run"]}[page]()  # fmt: skip
    assert used == ids[1]
