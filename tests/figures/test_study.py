"""A study's figures say what Optuna knows: the front, what is better, and readable axes."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from mnist_core.figures import study as figures
from mnist_core.figures.study import BLUE, ORANGE, TooFewTrials, TrialCurve

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Learning rate, units, and the two results: accuracy and parameters.
TRIALS = (
    (0.0001, 8, 0.50, 900.0),
    (0.001, 16, 0.90, 1_000.0),
    (0.01, 64, 0.95, 4_000.0),
    (0.03, 32, 0.80, 2_000.0),
    (0.002, 200, 0.97, 9_000.0),
)


def study(*directions: str, times: int = 1) -> Any:
    made = optuna.create_study(directions=directions)
    distributions = {
        "learning rate": optuna.distributions.FloatDistribution(1e-4, 0.1, log=True),
        "units": optuna.distributions.IntDistribution(8, 256, log=True),
    }
    for rate, units, *results in times * TRIALS:
        made.add_trial(
            optuna.trial.create_trial(
                params={"learning rate": rate, "units": units},
                distributions=distributions,
                values=results[: len(directions)],
            )
        )
    return made


def test_the_pareto_front_is_told_from_the_other_trials() -> None:
    figure = figures.pareto_front(
        study("maximize", "minimize"), ["accuracy", "parameters"], [".2%", ",.0f"]
    )
    by_name = {trace.name: trace for trace in figure.data}
    assert set(by_name) == {"on the front", "other trials"}
    assert list(by_name["on the front"].customdata) == [0, 1, 2, 4]
    assert list(by_name["on the front"].x) == [0.5, 0.9, 0.95, 0.97], "the line goes to the right"
    assert list(by_name["other trials"].customdata) == [3]
    assert by_name["on the front"].marker.color == ORANGE
    assert by_name["other trials"].marker.color == BLUE


@pytest.mark.parametrize(
    ("directions", "objective", "reversed_scale"),
    [
        (("maximize",), 0, False),
        (("minimize",), 0, True),
        (("maximize", "minimize"), 0, False),
        (("maximize", "minimize"), 1, True),
    ],
)
def test_a_contour_is_strong_where_trials_are_good(directions, objective, reversed_scale) -> None:
    made = study(*directions)
    figure = figures.contour(made, objective, "what counts", ".2%", ["learning rate", "units"])
    (contour,) = [trace for trace in figure.data if trace.type == "contour"]
    assert contour.reversescale is reversed_scale
    faint, strong = (float(colour.rpartition(",")[2][:-1]) for _, colour in contour.colorscale)
    assert faint < strong


def test_logarithmic_axes_are_labelled_with_whole_numbers() -> None:
    made = study("maximize")
    figure = figures.slices(made, 0, "accuracy", ".2%")
    labels = {
        figure.layout[name].title.text: figure.layout[name].ticktext for name in ("xaxis", "xaxis2")
    }
    assert labels["learning rate"] == ("0.0001", "0.001", "0.01")
    assert labels["units"] == ("10", "20", "50", "100", "200")
    contour = figures.contour(made, 0, "accuracy", ".2%", ["learning rate", "units"])
    assert {"10", "100"} <= set(contour.layout.yaxis.ticktext)


def test_parallel_coordinates_write_the_objective_as_elsewhere() -> None:
    figure = figures.parallel_coordinates(study("maximize"), 0, "accuracy", ".2%")
    axis = [label.text for label in figure.layout.annotations if label.x == 0]
    assert axis[0] == "50.00%" and axis[-1] == "97.00%"
    best = next(trace for trace in figure.data if trace.line.color == ORANGE)
    assert best.customdata[0] == ["accuracy", "97.00%"]
    assert best.customdata[1][1] == "0.002", "settings stay as they are"


def test_no_figure_brings_a_ground_of_its_own() -> None:
    made = study("maximize")
    for figure in (
        figures.history(made, 0, "accuracy", ".2%"),
        figures.parallel_coordinates(made, 0, "accuracy", ".2%"),
        figures.contour(made, 0, "accuracy", ".2%", ["learning rate", "units"]),
        figures.slices(made, 0, "accuracy", ".2%"),
        figures.importance(study("maximize", times=2), 0, "accuracy"),
        figures.pareto_front(study("maximize", "minimize"), ["a", "b"], [".2%", ",.0f"]),
    ):
        assert figure.layout.plot_bgcolor is None and figure.layout.paper_bgcolor is None


def test_one_trial_has_a_history_of_its_own_size() -> None:
    made = optuna.create_study(direction="maximize")
    made.add_trial(optuna.trial.create_trial(value=0.9))
    figure = figures.history(made, 0, "accuracy", ".2%")
    low, high = figure.layout.yaxis.range
    assert 0.8 < low < 0.9 < high < 1 and figure.layout.xaxis.dtick == 1


def test_pruned_trials_end_in_a_cross() -> None:
    curves = [
        TrialCurve(0, "finished", {1: 0.7, 2: 0.8, 3: 0.9}),
        TrialCurve(1, "pruned", {1: 0.3, 2: 0.4}),
    ]
    figure = figures.epoch_curves(curves, "accuracy", ".2%")
    by_name = {trace.name: trace for trace in figure.data}
    assert by_name["pruned"].marker.symbol == "x" and list(by_name["pruned"].x) == [1, 2]
    assert list(by_name["finished"].y) == [0.7, 0.8, 0.9]


def test_a_figure_waits_for_enough_trials() -> None:
    nothing = optuna.create_study(direction="maximize")
    with pytest.raises(TooFewTrials, match="first trial"):
        figures.history(nothing, 0, "accuracy", ".2%")
    with pytest.raises(TooFewTrials, match="3 trials"):
        figures.contour(nothing, 0, "accuracy", ".2%", ["learning rate", "units"])
