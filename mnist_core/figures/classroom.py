"""Figures of a class's board: a dot for each pupil, and everyone's curves over each other."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.curves import FLOORS, RunCurves
from mnist_core.figures.template import LINE, QUIET, TEXT_SIZE, colour, lay_out, title, upright_line
from mnist_core.storage.downsample import decimate, smooth

HEIGHT = 350
Floats = npt.NDArray[np.float64]

# Of one curve: thirty of them stay as light as one alone.
POINTS = 80
# How close two names, two dots may come, as shares of the plot's width and height. Where all dots
# stand at the same place they are spread so far that their names fit.
NAME_WIDTH, NAME_HEIGHT = 0.1, 0.075
DOT_WIDTH, DOT_HEIGHT = 0.016, 0.05
SMOOTHING = 0.95
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True)
class Dot:
    """A pupil's run: `x` is what stands below the chart, `accuracy` in [0, 1].

    `about` is what the dot says when it is pointed at; `counts`: it keeps the challenge's rules.
    """

    name: str
    x: float
    accuracy: float
    about: str
    counts: bool = True
    training: bool = False


def dots_chart(dots: Sequence[Dot], x_title: str, *, limit: float | None = None) -> go.Figure:
    """Accuracy against `x_title`, a dot a pupil; `limit` draws the challenge's bound on x."""
    log_x = _spreads([dot.x for dot in dots])
    floor = _floor([dot.accuracy for dot in dots])
    low, high = _x_range([dot.x for dot in dots] + ([] if limit is None else [limit]), log_x)
    across = (_on_axis([dot.x for dot in dots], log_x) - low) / (high - low)
    up = (np.array([dot.accuracy for dot in dots]) - floor) / (1.05 * (1 - floor))
    across = _apart(across, up)
    named = _named(across, up)
    drawn = low + across * (high - low)
    drawn = 10**drawn if log_x else drawn
    figure = lay_out(
        go.Figure(),
        height=HEIGHT,
        title=title("Accuracy, a dot for each pupil"),
        showlegend=False,
        uirevision=f"dots-{x_title}-{log_x}",
        shapes=[]
        if limit is None
        else [upright_line(limit, {"color": LINE, "width": 2, "dash": "dash"})],
        xaxis={
            "title": {"text": html.escape(x_title)},
            "type": "log" if log_x else "linear",
            "range": [low, high],
        },
        yaxis={"tickformat": ".4~p", "range": [floor, 1.0 + 0.05 * (1 - floor)]},
    )
    traces = []
    for counts in (True, False):
        places = [place for place, dot in enumerate(dots) if dot.counts == counts]
        shown = [dots[place] for place in places]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [float(drawn[place]) for place in places],
                "y": [dot.accuracy for dot in shown],
                "text": [html.escape(dots[at].name) if at in named else "" for at in places],
                "textposition": "top center",
                "textfont": {"size": TEXT_SIZE},
                "hovertext": [
                    f"<b>{html.escape(dot.name)}</b><br>{html.escape(dot.about)}" for dot in shown
                ],
                "hoverinfo": "text",
                "cliponaxis": False,
                "marker": {
                    "size": 15,
                    "color": colour(0) if counts else QUIET,
                    "symbol": [_symbol(dot) for dot in shown],
                    "line": {"width": 2, "color": colour(0) if counts else QUIET},
                },
            }
        )
    return figure.add_traces(traces)


def _symbol(dot: Dot) -> str:
    """Full: it counts. Open: it trains still. A cross: it breaks a rule."""
    if not dot.counts:
        return "x-thin-open"
    return "circle-open" if dot.training else "circle"


def _spreads(values: Sequence[float]) -> bool:
    """True when a logarithmic axis shows them better."""
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)


def _floor(accuracies: Sequence[float]) -> float:
    lowest = min(accuracies, default=0.0)
    return max((floor for floor in FLOORS if floor < lowest), default=0.0)


def _on_axis(values: Sequence[float], log_x: bool) -> Floats:
    found = np.array(values, np.float64)
    return np.log10(found) if log_x else found


def _x_range(values: Sequence[float], log_x: bool) -> tuple[float, float]:
    """An axis with room for names at both ends; all dots in a column stand in its middle."""
    if not values:
        return 0.0, 1.0
    found = _on_axis(values, log_x)
    low, high = float(found.min()), float(found.max())
    room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _apart(across: Floats, up: Floats) -> Floats:
    """The places across of dots that would cover each other, moved aside, the highest first.

    Both are shares of the plot's width and height.
    """
    column = len(across) > 0 and float(np.ptp(across)) < DOT_WIDTH
    width, height = (NAME_WIDTH, NAME_HEIGHT) if column else (DOT_WIDTH, DOT_HEIGHT)
    moved = across.copy()
    placed: list[int] = []
    for at in np.argsort(-up, kind="stable"):
        for turn in range(2 * len(across)):
            aside = across[at] + width * (-(turn // 2) if turn % 2 == 0 else turn // 2 + 1)
            near = (abs(up[at] - up[other]) < height and abs(aside - moved[other]) < 0.99 * width
                    for other in placed)  # fmt: skip
            if not any(near):
                break
        moved[at] = aside if 0.02 < aside < 0.98 else across[at]
        placed.append(int(at))
    return moved


def _named(across: Floats, up: Floats) -> set[int]:
    """The dots whose names find room, the most accurate first."""
    named: list[int] = []
    for at in np.argsort(-up, kind="stable"):
        above = (up > up[at] + 0.01) & (up < up[at] + 0.13) & (abs(across - across[at]) < 0.03)
        if not above.any() and all(
            abs(across[at] - across[other]) >= 0.95 * NAME_WIDTH
            or abs(up[at] - up[other]) >= NAME_HEIGHT
            for other in named
        ):
            named.append(int(at))
    return set(named)


def overlaid_curves(runs: Sequence[RunCurves]) -> go.Figure:
    """Everyone's accuracy while they trained; names at the ends of the lines that find room."""
    lines = [line for index, run in enumerate(runs) if (line := _line(run, index)) is not None]
    figure = lay_out(
        go.Figure(),
        height=HEIGHT,
        title=title("Accuracy over the steps of training"),
        showlegend=False,
        uirevision="overlaid",
        margin={"r": 110},
        xaxis={"title": {"text": "training step"}},
        yaxis={"tickformat": ".4~p", "range": [_curve_floor(lines), 1.01]},
    )
    traces: list[dict[str, Any]] = []
    for line, name in zip(lines, _end_names(lines), strict=True):
        traces += [line, name] if name else [line]
    return figure.add_traces(traces)


def _line(run: RunCurves, index: int) -> dict[str, Any] | None:
    step, value = np.asarray(run.step, np.float64), np.asarray(run.accuracy, np.float64)
    if not len(step):
        return None
    kept = decimate(step, smooth(value, SMOOTHING), POINTS)
    name = html.escape(run.name)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": kept[0],
        "y": kept[1],
        "name": name,
        "hovertemplate": "%{fullData.name}: %{y:.1%} at step %{x:,}<extra></extra>",
        "line": {"color": colour(index), "width": 2, "dash": DASHES[index // 6 % len(DASHES)]},
    }


def _end_names(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """A name at the end of each line, of the highest first, where there is room for it."""
    if not lines:
        return []
    x = np.array([float(line["x"][-1]) for line in lines]) / max(line["x"][-1] for line in lines)
    y = np.array([float(line["y"][-1]) for line in lines])
    named = _named(x, y / (y.max() - _curve_floor(lines) or 1.0))
    return [_end_name(line) if at in named else None for at, line in enumerate(lines)]


def _curve_floor(lines: Sequence[dict[str, Any]]) -> float:
    """The lower end of the axis: what is below it is the very first steps."""
    later = [float(np.nanmin(line["y"][len(line["y"]) // 8 :])) for line in lines]
    return _floor(later)


def _end_name(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "text",
        "x": [line["x"][-1]],
        "y": [line["y"][-1]],
        "text": [f"&nbsp;{line['name']}"],
        "textposition": "middle right",
        "textfont": {"color": line["line"]["color"], "size": TEXT_SIZE - 1},
        "hoverinfo": "skip",
        "cliponaxis": False,
    }
