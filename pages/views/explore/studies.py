"""Studies: change one setting or two and see whether it mattered, or search over many."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from statistics import fmean
from typing import TYPE_CHECKING

import streamlit as st

from mnist_core.base.once import once
from mnist_core.engine.run_duration import Durations
from mnist_core.experiment import search_space
from mnist_core.experiment.search_space import Setting
from mnist_core.experiment.study import StudySpec
from mnist_core.experiment.validation import ExperimentError
from mnist_core.storage import datasets
from mnist_core.storage.store import StoreError
from mnist_core.studies.records import Study
from mnist_core.studies.seed_groups import compared, seeds
from mnist_core.visitors.limits import current
from pages.session.explore_tabs import ONE_SETTING, SEARCH, TWO_SETTINGS
from pages.session.limits import offer_room, rules_note
from pages.session.services import get_engine, get_store, notice, owner, shared_engine
from pages.views.explore import studies_compare_form, studies_form
from pages.widgets.clock import clock
from pages.widgets.escape import escaped
from pages.widgets.menu_labels import distinct

if TYPE_CHECKING:
    from mnist_core.studies.runner import StudyRunner

# Of so many combinations the time is reckoned at most; those stand for all.
MOST_RECKONED = 40
KINDS = (ONE_SETTING, TWO_SETTINGS, SEARCH)
ABOUT = {
    ONE_SETTING: "Change one setting, train each value with several seeds, and see whether it "
    "made a difference or only chance did.",
    TWO_SETTINGS: "Change two settings together: a heat map of each pair of values.",
    SEARCH: "Let an optimiser (Optuna) try combinations of many settings.",
}


@once
def get_runner() -> StudyRunner:
    """The one study runner of this server; Optuna is loaded only when this tab is opened."""
    with st.spinner("Loading Optuna …"):
        from mnist_core.studies.runner import StudyRunner

        return StudyRunner(shared_engine())


def view() -> None:
    """The tab from top to bottom."""
    notice()
    get_engine().warm()  # a first result comes seconds earlier
    try:
        runner = get_runner()
        studies = runner.studies(owner())
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    if said := st.session_state.pop("study_error", None):
        st.error(escaped(said), icon=":material/error:")
    st.session_state.setdefault("new_study", not studies)
    from pages.views.explore.studies_live import live_study, offer_undo

    chosen = None
    with st.container(horizontal=True, vertical_alignment="center", key="study_head"):
        if studies:
            chosen = _choose(studies)
            st.button(
                "Close" if st.session_state.new_study else "New study",
                key="open_new_study",
                icon=":material/close:" if st.session_state.new_study else ":material/add:",
                on_click=_open_or_close,
            )
        offer_undo(runner.store)
    if st.session_state.new_study or not studies:
        with st.container(border=bool(studies), key="new_study_form"):
            _start_button(runner, _compose())
    if chosen is not None:
        live_study(runner, chosen)


def _open_or_close() -> None:
    """Callback: show the form of a new study, or put it away."""
    st.session_state.new_study = not st.session_state.new_study


def _compose() -> StudySpec | None:
    """The kind of study, and the form that belongs to it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state.setdefault("study_kind", ONE_SETTING)
        kind = st.segmented_control(
            "Kind of study", KINDS, key="study_kind", required=True,
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        st.caption(ABOUT[str(kind)], width="content")
    if kind == SEARCH:
        return studies_form.compose()
    return studies_compare_form.compose(1 if kind == ONE_SETTING else 2)


def _start_button(runner: StudyRunner, spec: StudySpec | None) -> None:
    problem = None if spec is None else get_engine().study_problem(spec)
    with st.container(horizontal=True, vertical_alignment="center"):
        # Not a callback: a number still being typed when the button is clicked counts too.
        clicked = st.button(
            "Start study",
            key="start_study",
            type="primary",
            icon=":material/play_arrow:",
            disabled=spec is None or problem is not None,
        )
        if problem is not None:
            st.caption(f":red[The study cannot start yet.] {escaped(problem)}")
        elif spec is not None:
            st.caption(_plan(spec))
    rules_note()
    offer_room(get_engine())
    if clicked and spec is not None:
        try:
            st.session_state.shown_study = runner.start(spec, owner())
            st.session_state.new_study = False
        except StoreError as error:
            st.session_state.study_error = f"The study could not be started. {error}"
        st.rerun()


def _plan(spec: StudySpec) -> str:
    """The words for what clicking the button will do."""
    if varied := compared(spec):
        values = " × ".join(str(len(item.grid())) for item in varied)
        count = seeds(spec)
        each = f"{values} values × {count} seed{'' if count == 1 else 's'}"
        return f"{each}: {spec.grid_size:,} trainings{_time(spec)}, the quickest first."
    if spec.sampler == "grid":
        size = spec.grid_size
        share = "all" if spec.trials >= size else f"{spec.trials:,} by chance"
        return f"The grid has {size:,} combinations; {share} of them will be trained."
    trials, epochs = spec.trials, spec.most_epochs
    plan = (
        f"{trials:,} trial{'' if trials == 1 else 's'} of at most "
        f"{epochs} epoch{'' if epochs == 1 else 's'} each."
    )
    minutes = current().study_minutes
    return plan if minutes is None else f"{plan} After {minutes:g} minutes no new trial starts."


def _time(spec: StudySpec) -> str:
    """About how long all of them take, where runs so far tell."""
    runs = get_store().timed_runs()
    if not runs:
        return ""
    durations = Durations(runs, datasets.training_images(get_store()))
    pairs = list(product(*(item.grid() for item in compared(spec))))
    if len(pairs) > MOST_RECKONED:
        pairs = random.Random(0).sample(pairs, MOST_RECKONED)
    seconds = fmean(_seconds(spec, values, durations) for values in pairs)
    return f", about {clock(seconds * spec.grid_size)} of training"


def _seconds(spec: StudySpec, values: Sequence[Setting], durations: Durations) -> float:
    """The seconds that one training with these values of the compared settings takes."""
    paths = [item.path for item in compared(spec)]
    try:
        experiment = search_space.apply(spec.base, dict(zip(paths, values, strict=True)))
    except ExperimentError:  # it does not fit and fails at once
        return 0.0
    return durations.expect(experiment).likely


def _choose(studies: list[Study]) -> Study | None:
    """The study that is shown: the one just started, or the newest."""
    known = {study.id: study for study in studies}
    key = "study_menu"
    wanted = st.session_state.pop("shown_study", None) or st.session_state.get(key)
    st.session_state[key] = wanted if wanted in known else studies[0].id
    labels = distinct({study.id: _label(study) for study in studies})
    chosen = st.selectbox(
        "Study",
        list(known),
        format_func=labels.__getitem__,
        key=key,
        persist_state="session",
        label_visibility="collapsed",
        width=520,
    )
    return known.get(chosen)


def _label(study: Study) -> str:
    varied = [item.title for item in compared(study.spec)]
    what = " and ".join(varied) if varied else " and ".join(study.spec.titles)
    return f"{study.name} · {what} · {study.status}"
