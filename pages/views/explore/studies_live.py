"""A study while it runs and afterwards: status, controls, charts and trials."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import streamlit as st

from mnist_core.base.errors import first_line
from mnist_core.storage.store import Store, StoreError
from mnist_core.studies import records
from mnist_core.studies.objectives import best_trial, front
from mnist_core.studies.optuna_adapter import Search, Trial
from mnist_core.studies.records import Study
from mnist_core.studies.runner import StudyRunner
from mnist_core.studies.seed_groups import best_group, compared, seed_groups
from pages.session.errors import fragment, said_later
from pages.session.services import get_engine, notice, owner
from pages.views.explore.studies_charts import charts
from pages.views.explore.studies_compare_charts import comparison_charts, written
from pages.views.explore.studies_trials import open_trial, trial_table
from pages.widgets.clock import clock
from pages.widgets.escape import escaped
from pages.widgets.undo import undo_line

REFRESH_SECONDS = 1.0
MORE = 10
COLOURS = {
    "new": "gray",
    "running": "blue",
    "stopping": "orange",
    "stopped": "gray",
    "interrupted": "orange",
    "finished": "green",
    "failed": "red",
}


def live_study(runner: StudyRunner, study: Study) -> None:
    """Show the study, refreshed while it is active."""
    panel = fragment(_panel, run_every=REFRESH_SECONDS if study.active else None)
    panel(runner, study.id, study.active)


def _panel(runner: StudyRunner, study_id: str, was_active: bool) -> None:
    """The part that is refreshed; a database that does not answer now may do so the next time."""
    notice()
    try:
        records.mark_interrupted(runner.store)
        study = records.get(runner.store, study_id)
        if study is None or study.owner != owner():
            _say_that_it_is_gone(study_id)
            st.rerun()  # the page shows another one
        if study.active != was_active:
            st.rerun()  # refreshing starts and ends with the study
        search = Search(runner.store, study.id, study.spec)
        trials = search.trials()
    except Exception as error:  # Optuna and SQLAlchemy raise many kinds
        st.error(
            f"{first_line(error)} The page tries again by itself.", icon=":material/database_off:"
        )
        return
    _head(runner, study, trials)
    if study.status == "running" and runner.engine.lacks_workers():
        st.warning(
            f"The scheduler at {escaped(runner.engine.scheduler or '')} has no worker, so trials "
            "wait. “On a cluster” in docs/deploy.md says how to start some.",
            icon=":material/hourglass_empty:",
        )
    key = f"study_trial_{study.id}"

    def choose(number: int) -> None:
        st.session_state[key] = number

    if compared(study.spec):
        comparison_charts(study.spec, trials, choose, study.active)
    else:
        charts(search, trials)
    open_trial(runner.store, study, _chosen(study, trials, st.session_state.get(key)))
    trial_table(study, trials, choose)


def _say_that_it_is_gone(study_id: str) -> None:
    """To whoever has the study open while it is deleted in another window."""
    own = st.session_state.get("study_put_aside")
    if own is None or own.id != study_id:
        st.session_state.study_error = (
            "The study that was open here has been deleted. The runs of its trials are kept under "
            "Runs."
        )


def _chosen(study: Study, trials: Sequence[Trial], number: int | None) -> Trial | None:
    """The trial that was chosen in a figure or in the table, at first the best."""
    named = next((trial for trial in trials if trial.number == number), None)
    return named or best_trial(study.spec, trials) or (trials[-1] if trials else None)


def _head(runner: StudyRunner, study: Study, trials: Sequence[Trial]) -> None:
    """Status, best so far and controls in one line."""
    done = [trial for trial in trials if trial.state != "running"]
    words = [f"{len(done)} of {study.spec.most_trials} trials"]
    for state, name in (("pruned", "pruned"), ("failed", "failed")):
        if count := sum(trial.state == state for trial in done):
            words.append(f"{count} {name}")
    if study.status == "running" and (left := seconds_left(study, trials)) is not None:
        words.append(f"about {clock(left)} left")
    with st.container(horizontal=True, vertical_alignment="center", key="study_line"):
        with st.container(key="study_status", width="content"):
            status = f":{COLOURS[study.status]}[**{study.status}**]"
            st.markdown(f"{status} {' · '.join(words)}", width="content")
        _best(study, trials)
        _controls(runner, study, trials)
    if study.message:
        box = st.error if study.status == "failed" else st.warning
        box(escaped(study.message), icon=":material/info:")


def seconds_left(study: Study, trials: Sequence[Trial]) -> float | None:
    """From how long trials took so far, and the minutes; None before the first has ended."""
    if study.began is None:
        return None
    limits = []
    # The median: a trial that a stop or a dead server interrupted took its time from there.
    took = [trial.seconds for trial in trials if trial.seconds is not None]
    if took:
        flying = sum(trial.state == "running" for trial in trials)
        left = study.spec.most_trials - (len(trials) - flying)
        limits.append(left * statistics.median(took) / max(1, flying))
    if study.spec.minutes is not None:
        limits.append(60 * study.spec.minutes - (time.time() - study.began.timestamp()))
    return max(0.0, min(limits)) if limits else None


def _controls(runner: StudyRunner, study: Study, trials: Sequence[Trial]) -> None:
    def go_on(more: int = 0) -> None:
        longer = study.spec.model_copy(update={"trials": study.spec.trials + more})
        if refused := get_engine().study_problem(longer, len(trials)):
            st.session_state.study_error = refused
            return
        try:
            if not runner.resume(study.id, more):
                st.session_state.study_error = "Another server runs this study already."
        except StoreError as error:
            st.session_state.study_error = f"The study could not be resumed. {error}"
        st.session_state.shown_study = study.id

    if study.active:
        st.button("Stop", key="stop_study", icon=":material/stop:",
                  on_click=said_later(runner.stop), args=(study.id,),
                  disabled=study.status == "stopping",
                  help="Trials in training stop too, and continue when you resume.")  # fmt: skip
        return
    open_trials = any(trial.state == "running" for trial in trials)
    if len(trials) < study.spec.most_trials or open_trials:
        st.button("Resume", key="resume_study", icon=":material/play_arrow:",
                  on_click=go_on)  # fmt: skip
    if study.spec.sampler != "grid" or study.spec.trials < study.spec.grid_size:
        with st.popover("More trials", icon=":material/add:"):
            count = st.number_input("Trials", 1, 500, MORE, key="study_more", width=130)
            st.button("Add trials", key="add_trials", icon=":material/add:", on_click=go_on,
                      args=(int(count),))  # fmt: skip
    st.button("Delete", key="delete_study", icon=":material/delete:", type="tertiary",
              on_click=said_later(_put_aside), args=(runner.store, study),
              help="The runs of its trials stay under Runs.")  # fmt: skip


def _put_aside(store: Store, study: Study) -> None:
    """Callback: delete the study so that it can be undone."""
    records.delete(store, study.id)
    st.session_state.study_put_aside = study
    st.session_state.new_study = not records.studies(store, study.owner)


def offer_undo(store: Store) -> None:
    """The way back from the last study deleted in this session."""
    study = st.session_state.get("study_put_aside")
    if study is not None:
        undo_line(
            f"{escaped(study.name)} is deleted.", "study", said_later(_bring_back), store, study
        )


def _bring_back(store: Store, study: Study) -> None:
    records.restore(store, study)
    st.session_state.shown_study = study.id
    st.session_state.new_study = False
    st.session_state.pop("study_put_aside")


def _best(study: Study, trials: Sequence[Trial]) -> None:
    """The best trial so far in words, or how many stand on the front; it takes the line's room."""
    with st.container(key="best_trial"):
        if compared(study.spec):
            _best_mean(study, trials)
            return
        best = best_trial(study.spec, trials)
        if best is None or best.results is None:
            return
        if len(study.spec.objectives) == 2:
            count = len(front(study.spec, trials))
            finished = sum(trial.state == "finished" for trial in trials)
            st.markdown(f"**{count}** of {finished} finished trials are on the Pareto front.")
            return
        settings = ", ".join(
            f"{escaped(name)} **{escaped(written(value, 3))}**"
            for name, value in best.values.items()
        )
        value = study.spec.kinds[0].words.format(best.results[0])
        what = study.spec.titles[0]
        st.markdown(f"Best: {what} **{value}** in trial {best.number}, {settings}.")


def _best_mean(study: Study, trials: Sequence[Trial]) -> None:
    """The values with the best mean so far: the best single trial had the luckiest seed as well."""
    best = best_group(study.spec, seed_groups(study.spec, trials))
    if best is None:
        return
    settings = ", ".join(
        f"{escaped(item.title)} **{escaped(written(value))}**"
        for item, value in zip(compared(study.spec), best.values, strict=True)
    )
    results, what = best.results(), study.spec.titles[0]
    value = study.spec.kinds[0].words.format(statistics.fmean(results))
    mean = f"mean of {len(results)} seeds" if len(results) > 1 else "one seed"
    st.markdown(f"Best: {what} **{value}** ({mean}), {settings}.")
