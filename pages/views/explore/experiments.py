"""The experiments that a person can start from: the draft, the presets, and their own runs."""

from __future__ import annotations

import streamlit as st

from mnist_core import PRESET_NOTES, PRESETS, Experiment
from pages.editors import draft
from pages.session.services import get_store, owner
from pages.widgets.menu_labels import distinct

DRAFT = "draft"
RECENT_RUNS = 50


def known_experiments() -> dict[str, tuple[str, Experiment]]:
    """By key (`DRAFT`, "preset NAME", "run ID"): a title that no other has, and the experiment."""
    found: dict[str, tuple[str, Experiment]] = {}
    if "draft" in st.session_state and (current := draft.experiment()[0]) is not None:
        found[DRAFT] = ("The one on the Train page", current)
    for name, preset in PRESETS.items():
        found[f"preset {name}"] = (f"{name} · {PRESET_NOTES[name].title}", preset)
    recent = get_store().runs(owner(), limit=RECENT_RUNS, trials_last=True)
    runs = {f"run {run.id}": run for run in recent}
    chosen = str(st.session_state.get("study_base", ""))
    if chosen.startswith("run ") and chosen not in runs:  # an older one, chosen among the runs
        run = get_store().run(chosen.removeprefix("run "))
        runs |= {chosen: run} if run is not None and run.deleted is None else {}
    found |= {key: (run.name, run.experiment) for key, run in runs.items()}
    labels = distinct({key: title for key, (title, _) in found.items()})
    return {key: (labels[key], experiment) for key, (_, experiment) in found.items()}
