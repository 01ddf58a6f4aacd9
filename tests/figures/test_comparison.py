"""Figures of a comparison show every seed, mean and spread, and fill as results come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mnist_core.figures import comparison as figures
from mnist_core.figures.comparison import Dot, Pairs, Scale, Value

SCALE = Scale("validation accuracy", ".2%", "learning rate", log=True)


def value(label: str, at: float | None, *results: float | None) -> Value:
    dots = tuple(
        Dot(seed, 10 * seed, result, {1: 0.5 + 0.1 * seed, 2: result or 0.7})
        for seed, result in enumerate(results)
    )
    return Value(label, at, dots)


VALUES = (value("0.001", 0.001, 0.90, 0.92, 0.91), value("0.01", 0.01, 0.95, None))


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_each_seed_is_a_dot_with_the_mean_and_its_spread() -> None:
    found = traces(figures.results_chart(VALUES, SCALE))
    assert list(found["one seed"].y) == [0.90, 0.92, 0.91, 0.95]
    assert list(found["one seed"].customdata) == [0, 10, 20, 0], "a click tells the trial"
    assert list(found["in training"].y) == [0.7], "the newest epoch of what still trains"
    mean = found["mean ± standard deviation"]
    assert list(mean.y) == pytest.approx([0.91, 0.95])
    assert list(mean.error_y.array) == pytest.approx([np.std([0.9, 0.92, 0.91], ddof=1), 0])


def test_values_stand_on_the_axis_that_fits_them() -> None:
    axis = figures.results_chart(VALUES, SCALE).layout.xaxis
    assert axis.type == "log" and list(axis.ticktext) == ["0.001", "0.01"]
    names = (value("adam", None, 0.9), value("sgd", None, 0.8))
    axis = figures.results_chart(names, Scale("accuracy", ".2%", "optimiser")).layout.xaxis
    assert axis.type == "category" and list(axis.categoryarray) == ["adam", "sgd"]


def test_a_band_goes_from_the_worst_to_the_best_seed() -> None:
    figure = figures.curve_bands(VALUES[:1], SCALE)
    band, mean = figure.data
    assert list(band.x) == [1, 2, 2, 1] and list(band.y) == [0.7, 0.92, 0.90, 0.5]
    assert list(mean.y) == pytest.approx([0.6, 0.91])


def test_a_heat_map_fills_cell_by_cell() -> None:
    cells = {("0.001", "16"): VALUES[0], ("0.01", "16"): value("0.01", 0.01, None)}
    figure = figures.heat_map(Pairs(["0.001", "0.01"], ["16", "32"], cells, "units"), SCALE)
    (shown,) = figure.data
    assert shown.z[0][0] == pytest.approx(0.91)
    assert shown.z[0][1] is None and list(shown.z[1]) == [None, None]
    assert "3 seeds" in shown.customdata[0][0] and "not trained yet" in shown.customdata[1][1]
    worse = Scale("loss", ".4~g", "learning rate", more_is_better=False)
    assert figures.heat_map(Pairs(["0.001"], ["16"], cells, "units"), worse).data[0].reversescale


def test_failed_trainings_are_told() -> None:
    some, every = replace(VALUES[0], failed=1), Value("0.01", 0.01, (Dot(0, 0, None, {}),), 1)
    figure = figures.results_chart((some, every), SCALE)
    axis = figure.layout.xaxis
    assert list(axis.ticktext) == ["0.001<br>1 of 3 failed", "0.01<br>1 of 1 failed"]
    assert traces(figure)["mean ± standard deviation"].customdata[0][0] == "3 seeds, 1 of 3 failed"
    cells = {("0.001", "16"): some, ("0.01", "32"): every}
    figure = figures.heat_map(Pairs(["0.001", "0.01"], ["16", "32"], cells, "units"), SCALE)
    assert figure.data[0].customdata[1][1].endswith("<br>1 of 1 failed")
    notes = [(each.x, each.y, each.text) for each in figure.layout.annotations]
    assert notes == [(1, 1, "1 of 1 failed")] and figure.data[0].text[0][0] == "<br>1 of 3 failed"
    assert figure.data[0].text[1][1] == "", "nothing is written twice"


def test_a_very_bad_cell_does_not_make_the_others_look_alike() -> None:
    results = (0.1, 0.90, 0.91, 0.92, 0.93)
    cells = {(str(at), "16"): value(str(at), at, result) for at, result in enumerate(results)}
    pairs = Pairs([str(at) for at in range(5)], ["16"], cells, "units")
    (shown,) = figures.heat_map(pairs, SCALE).data
    assert shown.zmin == pytest.approx(0.93 - 4 * 0.02) and shown.zmax == 0.93


def test_small_multiples_have_one_scale_for_all() -> None:
    cells = {("0.001", "16"): VALUES[0], ("0.01", "32"): VALUES[1]}
    figure = figures.small_multiples(Pairs(["0.001", "0.01"], ["16", "32"], cells, "units"), SCALE)
    ranges = {tuple(axis.range) for axis in (figure.layout.yaxis, figure.layout.yaxis4)}
    assert len(ranges) == 1 and {trace.yaxis for trace in figure.data} == {"y", "y4"}


@pytest.mark.parametrize("draw", [figures.results_chart, figures.curve_bands])
def test_nothing_trained_yet_is_an_empty_figure(draw) -> None:
    assert draw((value("0.001", 0.001), value("0.01", 0.01)), SCALE).layout.height
