"""The form that composes a search; nothing starts before its button is clicked."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mnist_core import Experiment, ExperimentError
from mnist_core.experiment import search_space
from mnist_core.experiment.optimizers import OPTIMIZERS
from mnist_core.experiment.search_space import Knob, Setting, Vary
from mnist_core.experiment.study import (
    MAX_VARIED,
    OBJECTIVES,
    PRUNERS,
    SAMPLERS,
    TARGETS,
    StudySpec,
    default_study,
)
from mnist_core.experiment.validation import Problem, capitalised
from mnist_core.visitors.limits import current
from pages.editors.problem_notes import show_problems
from pages.views.explore.experiments import known_experiments

FIRST = "preset two-layer"
OBJECTIVE_HELP = (
    "What a trial is judged by, taken on the validation images at its end. With two there is no "
    "single best trial but a front of compromises, the Pareto front."
)


def compose() -> StudySpec | None:
    """Show the form; the study it describes, or None when it does not hold together."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**What is trained, and what varies**")
        base, problems = base_part()
        varied, more = _vary(base)
        problems += more
    with right:
        st.markdown("**What counts, and how long**")
        settings = _settings()
    spec = None
    try:
        spec = StudySpec.parse(base=base, vary=varied, **settings)
    except ExperimentError as error:
        problems += [as_asked(problem, settings) for problem in error.problems
                     if problem.field != "vary"]  # fmt: skip
    show_problems(problems)
    return None if problems else spec


def as_asked(problem: Problem, settings: dict[str, Any]) -> Problem:
    """A mistake in the words and units of the form."""
    if problem.field == "objectives":
        return Problem("Choose one or two objectives.")
    if problem.field == "target":
        target, low, high = (f"{100 * share:.6g}" for share in (settings["target"], *TARGETS))
        return Problem(f"Target accuracy is {target}%; choose a number from {low} to {high}.")
    return problem


def kept(name: str, first: Any = None) -> dict[str, Any]:
    """A widget's key; its value survives while the person is on another page."""
    key = f"study_{name}"
    if first is not None:
        st.session_state.setdefault(key, first)
    return {"key": key, "persist_state": "session"}


def base_part() -> tuple[Experiment, list[Problem]]:
    """The experiment that is varied, shortened for a study; as it was where that is wrong."""
    known = known_experiments()
    first = default_study().base.training
    if st.session_state.get("study_base") not in known:  # none yet, or its run is deleted
        st.session_state.study_base = FIRST
    chosen = known[
        st.selectbox(
            "Start from",
            list(known),
            format_func=lambda key: known[key][0],
            help="Every trial is this experiment with some settings changed.",
            **kept("base"),
        )
    ][1]
    columns = st.columns(2)
    images = columns[0].number_input(
        "Training images (empty: all)", value=None, step=1_000,
        help="Fewer images make short trials. What helps on few usually helps on many.",
        **kept("images", first.training_images),
    )  # fmt: skip
    epochs = columns[1].number_input("Epochs of a trial", step=1, **kept("epochs", first.epochs))
    draft = chosen.model_dump(mode="json") | {"name": ""}
    draft["training"] |= {"training_images": images, "epochs": epochs}
    try:
        return Experiment.parse(draft), []
    except ExperimentError as error:
        return chosen, list(error.problems)


def _vary(base: Experiment) -> tuple[list[Vary], list[Problem]]:
    """The settings chosen to vary, each with its range."""
    known = {knob.path: knob for knob in search_space.knobs(base)}
    standard = [item.path for item in default_study(base).vary]
    key = "study_vary"
    chosen = st.session_state.get(key, standard)
    # Another experiment may lack a layer that was chosen; begin again then.
    st.session_state[key] = chosen if all(path in known for path in chosen) else standard
    paths = st.multiselect(
        "Settings that vary",
        list(known),
        format_func=lambda path: setting_name(base, known[path]),
        max_selections=MAX_VARIED,
        **kept("vary"),
    )
    varied: list[Vary] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            varied.append(_range(base, known[path]))
        except ExperimentError as error:
            problems += error.problems
    if not paths:
        problems = [Problem("Choose at least one setting to vary.")]
    return varied, problems


def setting_name(base: Experiment, knob: Knob) -> str:
    """A setting for people, with the kind of its layer."""
    kind = search_space.layer_note(base, knob.path)
    return f"{knob.title} ({kind})" if kind else knob.title


def _range(base: Experiment, knob: Knob) -> Vary:
    """One setting's values. Raises ExperimentError for an empty range."""
    name = setting_name(base, knob)
    if knob.kind == "choice":
        options = st.multiselect(
            capitalised(name),
            knob.options,
            format_func=option_words,
            **kept(f"options-{knob.path}", list(knob.options)),
        )
        return _checked(path=knob.path, kind="choice", options=tuple(options))
    convert = int if knob.kind == "int" else float
    number: dict[str, Any] = {"format": "%d", "step": 1}
    if knob.kind != "int":
        number = {"format": "%g", "step": max(knob.first_low, (knob.high - knob.low) / 100)}
    grid = st.session_state.get("study_sampler") == "grid"
    columns = st.columns([3, 3, 2, 2] if grid else [3, 3, 2], vertical_alignment="bottom")
    low = columns[0].number_input(
        f"{capitalised(name)}: from",
        **number, **kept(f"low-{knob.path}", convert(knob.first_low)),
    )  # fmt: skip
    high = columns[1].number_input(
        "to", **number, **kept(f"high-{knob.path}", convert(knob.first_high))
    )
    log = columns[2].toggle(
        "logarithmic", help="As many values from 0.001 to 0.01 as from 0.01 to 0.1.",
        **kept(f"log-{knob.path}", knob.log),
    )  # fmt: skip
    points = 4
    if grid:
        points = columns[3].number_input("points", step=1, **kept(f"points-{knob.path}", points))
    return _checked(
        path=knob.path, kind=knob.kind, low=float(low), high=float(high), log=log, points=points
    )


def _checked(**values: Any) -> Vary:
    from pydantic import ValidationError

    from mnist_core.experiment.validation import from_validation_error

    try:
        return Vary(**values)
    except ValidationError as error:
        raise from_validation_error(error, Vary, values) from None


def _settings() -> dict[str, Any]:
    """Objective, sampler, pruner and budget."""
    objectives = st.multiselect(
        "Objective (one or two)",
        list(OBJECTIVES),
        format_func=lambda name: OBJECTIVES[name].title,
        max_selections=2,
        help=OBJECTIVE_HELP,
        **kept("objectives", ["accuracy"]),
    )
    target = target_field("time" in objectives)
    sampler = st.selectbox(
        "Sampler: how settings are chosen", list(SAMPLERS), format_func=SAMPLERS.__getitem__,
        **kept("sampler", "tpe"),
    )  # fmt: skip
    prunable = len(objectives) < 2
    pruner = st.selectbox(
        "Pruner: which trials end early", list(PRUNERS), format_func=PRUNERS.__getitem__,
        disabled=not prunable, **kept("pruner", "none"),
    )  # fmt: skip
    if not prunable:
        st.caption("Pruning needs a single objective: with two, no trial is worse in every way.")
    columns = st.columns(3)
    trials = columns[0].number_input(
        "Trials", step=1, help="All that are tried, those that do not fit included.",
        **kept("trials", 12),
    )  # fmt: skip
    most = current().study_minutes
    minutes = columns[1].number_input(
        "Minutes", value=None, placeholder="none" if most is None else f"{most:g}",
        step=1.0, format="%g",
        help="After them no new trial starts; those under way end by themselves.",
        **kept("minutes"),
    )  # fmt: skip
    seed = columns[2].number_input(
        "Seed", step=1, help="With one worker, the same seed tries the same settings again.",
        **kept("seed", 0),
    )  # fmt: skip
    name = st.text_input("Name", placeholder="optional", max_chars=80, **kept("name", ""))
    return {
        "objectives": tuple(objectives),
        "target": target,
        "sampler": sampler,
        "pruner": pruner if prunable else "none",
        "trials": trials,
        "minutes": minutes,
        "seed": seed,
        "name": name.strip(),
    }


def target_field(asked: bool) -> float:
    """The accuracy to which trials are timed, as a share; asked for only where one is needed."""
    target = 98.0
    if asked:
        target = st.number_input("Target accuracy, %", step=0.1, **kept("target", target))
    return round(target / 100, 6)  # 99.9 / 100 is above 0.999


def option_words(value: Setting) -> str:
    """One of a choice's values for people."""
    titles = {str(name): optimizer.title for name, optimizer in OPTIMIZERS.items()}
    return titles.get(str(value), str(value).replace("_", " "))
