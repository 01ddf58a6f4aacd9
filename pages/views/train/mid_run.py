"""Settings changed in a pause: the page's own settings, as far as the paused run can take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from mnist_core import Experiment
from mnist_core.experiment import changes
from mnist_core.storage.store import Run
from pages.editors import draft
from pages.widgets.escape import escaped


@dataclass(frozen=True)
class Offer:
    """The page's settings as an offer to a paused run: `experiment` to go on as, or `why` not.

    Neither where the settings are the run's own.
    """

    experiment: Experiment | None = None
    words: str = ""
    why: str | None = None


def offer(run: Run) -> Offer | None:
    """The settings that a paused run could go on with; None for one that does not pause."""
    if run.status != "paused" or "draft" not in st.session_state:
        return None
    wanted, problems = draft.experiment()
    if wanted is None:
        return Offer(why=problems[0].message)
    before = run.present_experiment
    after = wanted.model_copy(update={"name": before.name})
    if after == before:
        return Offer()
    why = changes.problem(before, after, run.epoch, len(run.changes))
    return Offer(after, changes.told(before, after)) if why is None else Offer(why=why)


def offer_note(run: Run, found: Offer) -> None:
    """Say what Resume will do, and how to get at the run's settings."""
    if found.experiment is not None:
        st.markdown(f":material/edit: **Resume** trains on with {escaped(found.words)}.")
    elif found.why is None:
        st.caption(
            ":material/edit: Paused. Change the learning rate, batch size, dropout or any other "
            "setting above, then resume: the run trains on with it."
        )
    else:
        st.caption(f":material/edit: The settings above are not this run's. {escaped(found.why)}")
        st.button(
            "Edit this run's settings",
            key="edit_run_settings",
            icon=":material/tune:",
            on_click=draft.start_over,
            args=(run.present_experiment,),
        )


def with_rate(run: Run, rate: Any) -> Experiment:
    """The run's present experiment with another learning rate. Raises ExperimentError."""
    now = run.present_experiment
    training = now.training.model_copy(update={"learning_rate": float(rate)})
    return Experiment.parse(now.model_copy(update={"training": training}).model_dump())
