"""Studies: let the computer try settings, and see which matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mnist_core.base.once import once
from mnist_core.experiment.study import StudySpec
from mnist_core.storage.store import StoreError
from mnist_core.studies.records import Study
from mnist_core.visitors.limits import current
from pages.session.limits import offer_room, rules_note
from pages.session.services import get_engine, notice, owner, shared_engine
from pages.views.explore.studies_form import compose
from pages.widgets.escape import plain
from pages.widgets.menu_labels import distinct

if TYPE_CHECKING:
    from mnist_core.studies.runner import StudyRunner


@once
def get_runner() -> StudyRunner:
    """The one study runner of this server; Optuna is loaded only when this tab is opened."""
    with st.spinner("Optuna is being loaded …"):
        from mnist_core.studies.runner import StudyRunner

        return StudyRunner(shared_engine())


def view() -> None:
    """The tab from top to bottom."""
    notice()
    try:
        runner = get_runner()
        studies = runner.studies(owner())
    except StoreError as error:
        st.error(str(error), icon=":material/database_off:")
        return
    if said := st.session_state.pop("study_error", None):
        st.error(plain(said), icon=":material/error:")
    st.session_state.setdefault("new_study", not studies)
    if st.session_state.pop("close_form", False):
        st.session_state.new_study = False
    if not studies:
        st.info(
            "A study trains the same experiment many times with different settings and shows "
            "which of them matter. The one below is a short one: press **Start study**.",
            icon=":material/science:",
        )
    from pages.views.explore.studies_live import live_study, offer_undo

    offer_undo(runner.store)
    form = st.expander("New study", icon=":material/add_circle:", key="new_study",
                       on_change="rerun")  # fmt: skip
    with form:
        if form.open:
            _start_button(runner, compose())
    if not studies:
        return
    chosen = _choose(studies)
    if chosen is not None:
        live_study(runner, chosen)


def _start_button(runner: StudyRunner, spec: StudySpec | None) -> None:
    problem = None if spec is None else get_engine().study_problem(spec)
    with st.container(horizontal=True, vertical_alignment="center"):
        # Not a callback: a number still being typed when the button is pressed counts too.
        pressed = st.button(
            "Start study",
            key="start_study",
            type="primary",
            icon=":material/play_arrow:",
            disabled=spec is None or problem is not None,
        )
        if problem is not None:
            st.caption(f":red[The study cannot start yet.] {plain(problem)}")
        elif spec is not None:
            st.caption(_plan(spec))
    rules_note()
    offer_room(get_engine())
    if pressed and spec is not None:
        try:
            st.session_state.shown_study = runner.start(spec, owner())
            st.session_state.close_form = True
        except StoreError as error:
            st.session_state.study_error = f"The study could not be started. {error}"
        st.rerun()


def _plan(spec: StudySpec) -> str:
    """What pressing the button will do."""
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


def _choose(studies: list[Study]) -> Study | None:
    """The study that is shown: the one just started, or the newest."""
    known = {study.id: study for study in studies}
    key = "study_menu"
    wanted = st.session_state.pop("shown_study", None) or st.session_state.get(key)
    st.session_state[key] = wanted if wanted in known else studies[0].id
    labels = distinct({study.id: _label(study) for study in studies})
    with st.container(key="study_picker"):
        chosen = st.selectbox(
            "Study",
            list(known),
            format_func=labels.__getitem__,
            key=key,
            persist_state="session",
        )
    return known.get(chosen)


def _label(study: Study) -> str:
    objectives = " and ".join(study.spec.titles)
    return f"{study.name} · {objectives} · {study.status}"
