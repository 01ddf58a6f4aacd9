"""Figures of a comparison: the sentence, results against values, the heat map, the curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from mnist_core.evaluation import seed_differences
from mnist_core.experiment.grid_order import SEED
from mnist_core.experiment.search_space import Setting, Vary, title_of
from mnist_core.experiment.study import StudySpec
from mnist_core.experiment.validation import capitalised
from mnist_core.figures import comparison as figures
from mnist_core.figures.comparison import Dot, Scale, Value
from mnist_core.studies.optuna_adapter import Trial
from mnist_core.studies.seed_groups import SeedGroup, compared, seed_groups, seeds
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure

RESULTS, CURVES, HEAT, MULTIPLES = "Results", "Curves", "Heat map", "Curves of all pairs"

# With two seeds, an interval so many times as wide as the difference says nothing.
MANY_TIMES = 10

Choose = Callable[[int], None]


def comparison_charts(
    spec: StudySpec, trials: Sequence[Trial], choose: Choose, active: bool = False
) -> None:
    """The figures of a grid over one setting or two; `choose` takes the number of a trial.

    What differs is tested when the study is no longer `active`: a test at each new result would
    call chance an effect sooner or later.
    """
    settings, groups = compared(spec), seed_groups(spec, trials)
    if len(settings) == 1:
        _one_setting(spec, settings[0], groups, choose, active)
    else:
        _two_settings(spec, settings, groups, choose)


def written(value: Setting, digits: int = 6) -> str:
    """A setting's value as the axes write it, a number with so many digits."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value).replace("_", " ")


def _one_setting(
    spec: StudySpec, setting: Vary, groups: Sequence[SeedGroup], choose: Choose, active: bool
) -> None:
    values = [_value(spec, setting, group) for group in groups]
    scale = _scale(spec, setting)
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="study_verdict"):
            sentence, method = _verdict(spec, setting, values, active)
            st.markdown(f"**{escaped(capitalised(setting.title))}:** {escaped(sentence)}")
        shown = _figure_choice((RESULTS, CURVES), "study_compare_chart")
    if shown == RESULTS:
        alt = f"{scale.name} against {scale.setting}, one dot per seed, with mean and spread"
        chart = figures.results_chart(_ended(spec, values), scale)
        live_figure(chart, "compare_results", alt, on_click=partial(_dot, choose))
    else:
        scale = _epoch_scale(spec, setting)
        alt = f"{scale.name} after each epoch, a band for each value"
        live_figure(figures.curve_bands(values, scale), "compare_curves", alt)
    if method:
        st.caption(escaped(method))


def _two_settings(
    spec: StudySpec, settings: Sequence[Vary], groups: Sequence[SeedGroup], choose: Choose
) -> None:
    across, up = settings
    scale = _scale(spec, across)
    cells = {
        (written(group.values[0]), written(group.values[1])): (group, _value(spec, across, group))
        for group in groups
    }
    columns, rows = [[written(value) for value in item.grid()] for item in (across, up)]
    values = {place: value for place, (_, value) in cells.items()}
    pairs = figures.Pairs(columns, rows, values, up.title)
    with st.container(horizontal=True, horizontal_alignment="right"):
        shown = _figure_choice((HEAT, MULTIPLES), "study_pair_chart")
    if shown == HEAT:
        figure = figures.heat_map(pairs, scale)
        alt = f"{scale.name} for each pair of {across.title} and {up.title}"
        live_figure(figure, "compare_heat", alt, on_click=partial(_cell, choose, cells))
        return
    if (count := len(columns) * len(rows)) > figures.MOST_PANELS:
        st.info(
            f"The curves of {count} pairs are too small to read: they are drawn for at most "
            f"{figures.MOST_PANELS}. The heat map shows all results; click a cell for its run.",
            icon=":material/grid_on:",
        )
        return
    scale = _epoch_scale(spec, across)
    figure = figures.small_multiples(pairs, scale)
    alt = f"{scale.name} after each epoch for each pair of {across.title} and {up.title}"
    live_figure(figure, "compare_multiples", alt)


def _figure_choice(names: Sequence[str], key: str) -> str:
    chosen = st.segmented_control(
        "Figure", names, default=names[0], key=key, required=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return str(chosen)


def _dot(choose: Choose, point: Mapping[str, Any]) -> None:
    """Callback: the training whose dot was clicked."""
    if isinstance(point.get("customdata"), int):
        choose(int(point["customdata"]))


def _cell(
    choose: Choose,
    cells: Mapping[tuple[str, str], tuple[SeedGroup, Value]],
    point: Mapping[str, Any],
) -> None:
    """Callback: of the trainings of the cell that was clicked, the first that has ended."""
    group, _ = cells.get((str(point.get("x")), str(point.get("y"))), (None, None))
    if group is not None and group.trials:
        choose((group.finished or list(group.trials))[0].number)


def _verdict(
    spec: StudySpec, setting: Vary, values: Sequence[Value], active: bool
) -> tuple[str, str]:
    """The sentence that respects the spread, and the method it comes from."""
    if seeds(spec) < seed_differences.LEAST_SEEDS:
        return (
            "One seed shows no spread, so that effect and chance cannot be told apart: train three "
            "seeds or more."
        ), ""
    if active:
        return "Means so far; whether they differ by more than chance is tested at the end.", ""
    # Those that failed are not missing by chance: the others alone would speak too well of a value.
    results = {value.label: value.results for value in values if not value.failed}
    failed = [f"{value.label} ({value.failures})" for value in values if value.failed]
    left_out = f" Left out of the comparison: {', '.join(failed)}." if failed else ""
    own = _own_value(spec, setting)
    baseline = own if len(results.get(own, ())) >= seed_differences.LEAST_SEEDS else None
    more = spec.kinds[0].direction == "maximize"
    verdict = seed_differences.compare(results, baseline, more)
    if verdict is None:
        return f"Nothing to compare: fewer than two values have two results each.{left_out}", ""
    sentence = seed_differences.in_words(verdict, partial(_difference, spec))
    return sentence + left_out, seed_differences.method_in_words(verdict, baseline)


def _own_value(spec: StudySpec, setting: Vary) -> str:
    """The value that the experiment has from which the study started."""
    value: Any = spec.base.model_dump(mode="json")
    for part in setting.path.split("."):
        if isinstance(value, list):
            value = value[int(part)]
        else:
            value = value.get(part, 1 if part == "copies" else None)
    return written(value) if value is not None else ""


def _difference(spec: StudySpec, size: float, margin: float) -> str:
    """A difference of results with its unit: "0.40 ± 0.21 points"."""
    unit, widest = "", math.inf
    if spec.objectives[0] in ("accuracy", "efficiency"):
        size, margin, unit = 100 * size, 100 * margin, " points"
        widest = 100 if spec.objectives[0] == "accuracy" else math.inf
    elif spec.objectives[0] == "time":
        unit = " s"
    if math.isinf(margin):  # the results do not scatter at all
        return f"{size:.{_decimals(size)}f}{unit}"
    few = seeds(spec) == seed_differences.LEAST_SEEDS and margin > MANY_TIMES * size
    if few or margin > widest:
        return f"{size:.{_decimals(size)}f}{unit}, with too few seeds for an interval"
    decimals = _decimals(margin)
    return f"{size:.{decimals}f} ± {margin:.{decimals}f}{unit}"


def _decimals(number: float) -> int:
    """The decimals that show two significant digits."""
    rounded = float(f"{number:.2g}")
    return min(6, max(0, 1 - math.floor(math.log10(rounded)))) if rounded else 0


def _scale(spec: StudySpec, setting: Vary) -> Scale:
    kind = spec.kinds[0]
    return Scale(
        name=spec.titles[0],
        format=kind.format,
        setting=setting.title,
        log=setting.log,
        more_is_better=kind.direction == "maximize",
    )


def _epoch_scale(spec: StudySpec, setting: Vary) -> Scale:
    """The form of the values after each epoch: those of a time are validation errors."""
    scale = _scale(spec, setting)
    if spec.objectives[0] != "time":
        return scale
    return replace(scale, name="validation error", format=".2%")


def _ended(spec: StudySpec, values: Sequence[Value]) -> list[Value]:
    """The values without trainings under way where their epochs are not results, as for a time."""
    if spec.objectives[0] != "time":
        return list(values)
    return [
        replace(value, dots=tuple(replace(dot, epochs={}) for dot in value.dots))
        for value in values
    ]


def _value(spec: StudySpec, setting: Vary, group: SeedGroup) -> Value:
    first = group.values[0]
    return Value(
        label=written(first),
        at=float(first) if setting.kind != "choice" or not isinstance(first, str) else None,
        dots=tuple(
            Dot(
                seed=int(trial.values.get(title_of(SEED), spec.base.training.seed)),
                trial=trial.number,
                result=trial.results[0] if trial.results else None,
                epochs=trial.epochs if trial.state in ("running", "finished") else {},
            )
            for trial in group.trials
        ),
        failed=group.failed,
    )
