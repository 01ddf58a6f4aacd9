"""Figures of the trials; only the one that is open is worked out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import streamlit as st

from mnist_core.figures import study as figures
from mnist_core.studies.optuna_adapter import Search, Trial
from pages.widgets.live_figure import live_figure

HISTORY, CURVES, FRONT = "History", "Curves", "Pareto front"
PARALLEL, CONTOUR, SLICE, IMPORTANCE = "Parallel", "Contour", "Slices", "Importance"
HELP = {
    HISTORY: "Each dot is a trial. The line is the best value so far: it flattens when more "
    "trials no longer help.",
    CURVES: "Each line is a trial. Pruned trials end in a cross: the computer's time went to "
    "better ones.",
    FRONT: "Where one objective cannot be improved without losing some of the other.",
    PARALLEL: "Follow a line from its value through all its settings. Where strong lines bundle, "
    "good trials agree.",
    CONTOUR: "Dots are trials; between them the colour is interpolated: the stronger, the better.",
    SLICE: "One setting against the objective. A clear shape means that the setting matters.",
    IMPORTANCE: "Estimated from the trials so far, roughly while they are few; settings that "
    "hardly varied look unimportant.",
}


def charts(search: Search, trials: Sequence[Trial]) -> None:
    """A choice of figures and the one chosen."""
    spec = search.spec
    names = [HISTORY, CURVES, PARALLEL, CONTOUR, SLICE, IMPORTANCE]
    names = [FRONT, *names] if len(spec.objectives) == 2 else names
    if len(spec.vary) < 2:
        names.remove(CONTOUR)
    if not any(trial.epochs for trial in trials):
        names.remove(CURVES)
    key = "study_chart"
    if st.session_state.get(key) not in names:
        st.session_state[key] = names[0]
    chosen = st.segmented_control(
        "Figure", names, key=key, required=True, label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    assert chosen is not None
    objective = 0
    with st.container(horizontal=True, gap="medium"):
        if len(spec.objectives) == 2 and chosen != FRONT:
            objective = st.selectbox("Objective", [0, 1], key="study_objective",
                                     format_func=lambda i: spec.titles[i])  # fmt: skip
        settings = _two_settings(search) if chosen == CONTOUR else []
    st.caption(HELP[chosen])
    with st.container(key="study_chart_area"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Optuna's: of trials that lack a value
                figure = _figure(search, trials, chosen, objective, settings)
        except figures.TooFewTrials as wait:
            st.info(str(wait), icon=":material/hourglass_empty:")
        except (ValueError, RuntimeError) as error:  # Optuna's, of trials that are all alike
            st.info(f"There is nothing to draw yet: {error}", icon=":material/hourglass_empty:")
        else:
            live_figure(figure, f"study_figure_{chosen}", f"{chosen} of the study. {HELP[chosen]}")


def _two_settings(search: Search) -> list[str]:
    titles = [item.title for item in search.spec.vary]
    if len(titles) == 2:
        return titles
    for key, first in (("study_across", titles[0]), ("study_up", titles[1])):
        if st.session_state.get(key) not in titles:
            st.session_state[key] = first
    across = st.selectbox("Across", titles, key="study_across")
    up = st.selectbox("Upwards", titles, key="study_up")
    return [across, up]


def _figure(
    search: Search, trials: Sequence[Trial], name: str, objective: int, settings: list[str]
) -> Any:
    spec, study = search.spec, search.study
    title = spec.titles[objective]
    formats = [kind.format for kind in spec.kinds]
    if name == HISTORY:
        return figures.history(study, objective, title, formats[objective])
    if name == CURVES:
        curves = [figures.TrialCurve(t.number, t.state, t.epochs) for t in trials]
        what = "validation error" if spec.objectives[0] == "time" else title
        form = ".2%" if spec.objectives[0] == "time" else formats[0]
        return figures.epoch_curves(curves, what, form)
    if name == PARALLEL:
        return figures.parallel_coordinates(study, objective, title, formats[objective])
    if name == CONTOUR:
        if len(set(settings)) < 2:
            raise figures.TooFewTrials("Choose two different settings.")
        return figures.contour(study, objective, title, formats[objective], settings)
    if name == SLICE:
        return figures.slices(study, objective, title, formats[objective])
    if name == IMPORTANCE:
        return figures.importance(study, objective, title)
    return figures.pareto_front(study, spec.titles, formats)
