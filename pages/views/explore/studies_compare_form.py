"""The form that composes a comparison: one setting or two, some values of each, some seeds."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from mnist_core import Experiment, ExperimentError
from mnist_core.experiment import search_space
from mnist_core.experiment.grid_order import SEED
from mnist_core.experiment.search_space import Knob, Setting, Vary
from mnist_core.experiment.study import MAX_TRIALS, OBJECTIVES, StudySpec, default_study
from mnist_core.experiment.suggested_values import suggested_values
from mnist_core.experiment.validation import Problem, capitalised
from pages.editors.problem_notes import show_problems
from pages.views.explore.studies_form import (
    as_asked,
    base_part,
    kept,
    option_words,
    setting_name,
    target_field,
)

MOST_SEEDS = 20
# As "1,000" and "25,000"; "0,003" is a decimal fraction.
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
SEEDS_HELP = (
    "Each value is trained with each seed: other initial weights, another order of images. Only "
    "several seeds tell an effect from chance; three is little, five is better."
)


def compose(settings: int) -> StudySpec | None:
    """Show the form for one setting or two; the study, or None when it does not hold together."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        base, problems = base_part()
        columns = st.columns(2)
        with columns[0]:
            seeds = _seeds()
        with columns[1]:
            judged = _judged()
    varied: list[Vary] = []
    with right:
        knobs = [knob for knob in search_space.knobs(base) if knob.path != SEED]
        known = {knob.path: knob for knob in knobs}
        standard = [item.path for item in default_study(base).vary]
        standard += [path for path in known if path not in standard]
        for place in range(settings):
            what, which = st.columns([2, 3])
            with what:
                knob = _setting(base, known, standard[place], place)
            with which:
                try:
                    varied.append(_values(base, knob))
                except ExperimentError as error:
                    problems += error.problems
    if settings == 2 and len(varied) == 2 and varied[0].path == varied[1].path:
        problems.append(Problem("Choose two different settings."))
    problems += _seed_problems(seeds)
    if problems:
        show_problems(problems)
        return None
    try:
        if seeds > 1:
            varied.append(_seed_values(base, seeds))
        return _study(base, varied, judged)
    except ExperimentError as error:
        show_problems([as_asked(problem, judged) for problem in error.problems])
        return None


def _seed_values(base: Experiment, seeds: int) -> Vary:
    """So many seeds from the experiment's own on, or the highest there are."""
    knob = next(knob for knob in search_space.knobs(base) if knob.path == SEED)
    first = min(base.training.seed, int(knob.high) - seeds + 1)
    return search_space.vary_over(knob, range(first, first + seeds))


def _study(base: Experiment, varied: list[Vary], judged: dict[str, Any]) -> StudySpec:
    """The grid. Raises ExperimentError."""
    size = 1
    for item in varied:
        size *= len(item.grid())
    if size > MAX_TRIALS:
        raise ExperimentError([
            Problem(f"These are {size:,} trainings, more than {MAX_TRIALS:,}. Take fewer values or "
                    "fewer seeds.")
        ])  # fmt: skip
    return StudySpec.parse(base=base, vary=tuple(varied), sampler="grid", trials=size, **judged)


def _setting(base: Experiment, known: dict[str, Knob], standard: str, place: int) -> Knob:
    key = f"study_setting_{place}"
    if st.session_state.get(key) not in known:
        st.session_state[key] = standard
    path = st.selectbox(
        "What changes" if place == 0 else "and",
        list(known),
        format_func=lambda path: capitalised(setting_name(base, known[path])),
        **kept(f"setting_{place}"),
    )
    return known[path]


def _values(base: Experiment, knob: Knob) -> Vary:
    """The values of a setting. Raises ExperimentError, also when one of them does not fit."""
    suggested = [_written(value) for value in suggested_values(knob)]
    if knob.kind == "choice":
        options = {_written(option): option for option in knob.options}
        names = st.multiselect(
            "Values", list(options), format_func=option_words, **_values_widget(knob, suggested)
        )
        values: list[Setting] = [options[name] for name in names]
    else:
        chosen = st.session_state.get(f"study_{_values_key(knob)}", suggested)
        names = st.multiselect(
            "Values",
            list(dict.fromkeys([*suggested, *chosen])),
            accept_new_options=True,
            placeholder="Type a number and press Enter",
            help="The suggested ones lie around the value that the experiment has. Type others.",
            **_values_widget(knob, suggested),
        )
        values = [_number(knob, name) for name in names]
    vary = search_space.vary_over(knob, values)
    _check_each(base, vary)
    return vary


def _values_widget(knob: Knob, suggested: list[str]) -> dict[str, Any]:
    return kept(_values_key(knob), suggested)


def _values_key(knob: Knob) -> str:
    """The key of a setting's values; around another value of the experiment there are others."""
    return f"values-{knob.path}-{knob.value}"


def _number(knob: Knob, text: str) -> float:
    """The number that was typed; "0,003" is 0.003, and of whole numbers "1,000" is a thousand.

    Raises ExperimentError.
    """
    if THOUSANDS.fullmatch(text.strip()):
        if knob.kind == "int":
            return float(text.strip().replace(",", ""))
        raise ExperimentError([
            Problem(f"{capitalised(knob.title)}: “{text[:20]}” may be a thousand or one; write it "
                    "like 1000 or 1.0.")
        ])  # fmt: skip
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise ExperimentError([
            Problem(f"{capitalised(knob.title)}: “{text[:20]}” is not a number; write it like "
                    "0.003.")
        ]) from None  # fmt: skip


def _check_each(base: Experiment, vary: Vary) -> None:
    """Raises ExperimentError with the first value that does not go with the rest."""
    for value in vary.grid():
        try:
            search_space.apply(base, {vary.path: value})
        except ExperimentError as error:
            said = error.problems[0].message
            raise ExperimentError([
                Problem(f"{capitalised(vary.title)} {_written(value)} does not fit this "
                        f"experiment. {said}")
            ]) from None  # fmt: skip


def _seeds() -> int:
    return int(st.number_input("Seeds", step=1, help=SEEDS_HELP, **kept("seeds", 3)))


def _judged() -> dict[str, Any]:
    """The objective, as the study's fields. Parameters are counted: no training compares them."""
    objective = st.selectbox(
        "Judged by",
        [name for name in OBJECTIVES if name != "parameters"],
        format_func=lambda name: OBJECTIVES[name].title,
        **kept("judged_by", "accuracy"),
    )
    return {"objectives": (objective,), "target": target_field(objective == "time")}


def _seed_problems(seeds: int) -> list[Problem]:
    if 1 <= seeds <= MOST_SEEDS:
        return []
    return [Problem(f"Seeds is {seeds}; choose a whole number from 1 to {MOST_SEEDS}.")]


def _written(value: Setting) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
