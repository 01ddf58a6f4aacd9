"""What a class's board draws: a dot for each pupil, and everyone's curves over each other."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mnist_core.figures.curves import FLOORS, RunCurves
from mnist_core.figures.template import LINE, QUIET, TEXT_SIZE, colour, lay_out, title
from mnist_core.storage.downsample import decimate, smooth

HEIGHT = 430
# Of one curve: thirty of them stay as light as one alone.
POINTS = 80
# How close two names may come, as shares of the plot's width and height.
NAME_WIDTH, NAME_HEIGHT = 0.13, 0.055
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
    named = _named(dots, log_x, floor)
    figure = lay_out(
        go.Figure(),
        height=HEIGHT,
        title=title("Accuracy, a dot for each pupil"),
        showlegend=False,
        uirevision=f"dots-{x_title}-{log_x}",
        shapes=[] if limit is None else [_limit(limit)],
        xaxis={"title": {"text": html.escape(x_title)}, "type": "log" if log_x else "linear"}
        | _x_range(dots, limit, log_x),
        yaxis={"tickformat": ".4~p", "range": [floor, 1.0 + 0.05 * (1 - floor)]},
    )
    traces = []
    for counts in (True, False):
        shown = [dot for dot in dots if dot.counts == counts]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [dot.x for dot in shown],
                "y": [dot.accuracy for dot in shown],
                "text": [html.escape(dot.name) if dot in named else "" for dot in shown],
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
    """Whether a logarithmic axis shows them better."""
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)


def _floor(accuracies: Sequence[float]) -> float:
    lowest = min(accuracies, default=0.0)
    return max((floor for floor in FLOORS if floor < lowest), default=0.0)


def _x_range(dots: Sequence[Dot], limit: float | None, log_x: bool) -> dict[str, Any]:
    """An axis with room for names at both ends; all dots in a column stand in its middle."""
    values = [dot.x for dot in dots] + ([] if limit is None else [limit])
    if not values:
        return {}
    low, high = min(values), max(values)
    if log_x:
        low, high = float(np.log10(low)), float(np.log10(high))
    room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return {"range": [low - room, high + room]}


def _named(dots: Sequence[Dot], log_x: bool, floor: float) -> set[Dot]:
    """The dots whose names find room, the most accurate first."""
    if not dots:
        return set()
    across = np.array([dot.x for dot in dots], np.float64)
    across = np.log10(across) if log_x else across
    across = (across - across.min()) / (np.ptp(across) or 1.0)
    up = (np.array([dot.accuracy for dot in dots]) - floor) / (1 - floor)
    placed: list[int] = []
    for index in np.argsort(-up, kind="stable"):
        if all(
            abs(across[index] - across[other]) > NAME_WIDTH
            or abs(up[index] - up[other]) > NAME_HEIGHT
            for other in placed
        ):
            placed.append(int(index))
    return {dots[index] for index in placed}


def _limit(limit: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": limit,
        "x1": limit,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": LINE, "width": 2, "dash": "dash"},
    }


def overlaid_curves(runs: Sequence[RunCurves]) -> go.Figure:
    """Everyone's accuracy while they trained; names at the ends of the lines that find room."""
    figure = lay_out(
        go.Figure(),
        height=HEIGHT,
        title=title("Accuracy over the steps of training"),
        showlegend=False,
        uirevision="overlaid",
        margin={"r": 110},
        xaxis={"title": {"text": "training step"}},
        yaxis={"tickformat": ".4~p"},
    )
    traces: list[dict[str, Any]] = []
    lines = [line for index, run in enumerate(runs) if (line := _line(run, index)) is not None]
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
    """A name at the end of each line, of the highest first, where none is as high already."""
    ends = [float(line["y"][-1]) for line in lines]
    taken: list[float] = []
    named: set[int] = set()
    for index in sorted(range(len(lines)), key=lambda index: -ends[index]):
        if all(abs(ends[index] - other) > NAME_HEIGHT for other in taken):
            taken.append(ends[index])
            named.add(index)
    return [_end_name(line) if index in named else None for index, line in enumerate(lines)]


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
