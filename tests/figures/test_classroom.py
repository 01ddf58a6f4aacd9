"""The board's charts: every pupil has a dot and a line, and a name is only a name."""

from __future__ import annotations

import numpy as np

from mnist_core.figures.classroom import Dot, dots_chart, overlaid_curves
from mnist_core.figures.curves import RunCurves


def drawn(figure) -> dict[str, tuple[float, float]]:
    """The place of each dot by the first words of what it says when pointed at."""
    return {
        words: (x, y)
        for trace in figure.data
        for words, x, y in zip(trace.hovertext, trace.x, trace.y, strict=True)
    }


def test_dots_stand_where_their_runs_do():
    dots = [Dot("Ada", 1000, 0.9, "a"), Dot("Ben", 5000, 0.97, "b", counts=False)]
    figure = dots_chart(dots, "Parameters", limit=3000)
    assert drawn(figure) == {"<b>Ada</b><br>a": (1000, 0.9), "<b>Ben</b><br>b": (5000, 0.97)}
    assert figure.layout.shapes[0].x0 == 3000 and figure.layout.yaxis.range[0] == 0.8
    assert [trace.text for trace in figure.data] == [("Ada",), ("Ben",)]


def test_thirty_equal_networks_are_told_apart():
    chance = np.random.default_rng(1)
    dots = [Dot(f"Pupil {n}", 101_770, a, "") for n, a in enumerate(chance.normal(0.97, 0.002, 30))]
    places = list(drawn(dots_chart(dots, "Parameters")).values())
    assert len({(round(x), round(y, 6)) for x, y in places}) == 30
    assert all(91_593 < x < 111_947 for x, _ in places), "within the axis"


def test_a_wide_range_gets_a_logarithmic_axis():
    dots = [Dot("a", 100, 0.9, ""), Dot("b", 1_000_000, 0.95, "")]
    figure = dots_chart(dots, "Parameters")
    assert figure.layout.xaxis.type == "log"
    assert sorted(round(x) for x, _ in drawn(figure).values()) == [100, 1_000_000]
    assert dots_chart([], "Parameters").layout.xaxis.range == (0, 1)


def test_nicknames_are_no_markup():
    nasty = "<a href='//x'>y</a>"
    figure = dots_chart([Dot(nasty, 1, 0.5, nasty)], nasty)
    curves = overlaid_curves([RunCurves(nasty, [1, 2], [1, 1], [0.5, 0.6])])
    assert "<a" not in figure.to_json() and "<a" not in curves.to_json()


def test_every_curve_is_drawn_and_light():
    steps = np.arange(1, 5001)
    runs = [RunCurves(f"p{n}", steps, steps, 1 - 1 / (steps + n)) for n in range(30)]
    figure = overlaid_curves([*runs, RunCurves("none yet", [], [], [])])
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [line.name for line in lines] == [f"p{n}" for n in range(30)]
    assert all(len(line.x) <= 80 for line in lines)
    assert overlaid_curves([]).data == ()
