"""Loss and accuracy over the steps of one or several runs."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.change_marks import change_lines, change_words
from mnist_core.figures.template import (
    GRID,
    GROUND,
    QUIET,
    TEXT_SIZE,
    WARNING,
    colour,
    lay_out,
    level_line,
    title,
    upright_line,
)
from mnist_core.storage.downsample import decimate, smooth

Floats = npt.NDArray[np.float64]
Metric = Literal["loss", "accuracy"]

HEIGHT = 340
LEGEND_ROW, LEGEND_FOOT = 24, 12  # pixels
LONGEST_OF_TWO = 24  # characters of a run's name beside another one
POINTS = 600  # of one line: more than a chart has pixel columns to show apart
ALL_POINTS = 1500  # of all lines, so that a figure with many runs stays as light
SHORTEST = 20  # steps on the axis, at least
# The axis of the loss leaves out what is so many times as high as nearly all the rest.
LEAP = 20
FLOORS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "pentagon", "star", "hexagon")


@dataclass(frozen=True)
class RunCurves:
    """The recorded metrics of one run.

    `step`, `loss` and `accuracy` are rows of equal length, one entry a training step and
    accuracy in [0, 1]. `epoch_steps` are the steps at which epochs ended, `val_loss` and
    `val_accuracy` their validation values: None where there is none, empty for none at all.
    `least_loss` is what label smoothing keeps the loss of training above, None without any.
    `loss_title` says which loss it is. `changes` are what was changed in mid-run, and after which
    step.
    """

    name: str
    step: npt.ArrayLike
    loss: npt.ArrayLike
    accuracy: npt.ArrayLike
    epoch_steps: Sequence[int] = ()
    val_loss: Sequence[float | None] = ()
    val_accuracy: Sequence[float | None] = ()
    least_loss: float | None = None
    loss_title: str = ""
    changes: Sequence[tuple[int, str]] = ()


def loss_chart(
    runs: Sequence[RunCurves],
    *,
    log_y: bool = False,
    smoothing: float = 0.0,
    height: int = HEIGHT,
    uirevision: str = "loss",
) -> go.Figure:
    """Loss of each step and of validation after each epoch; `height` in pixels.

    A reader's zoom lasts as long as `uirevision` and `log_y` stay the same.
    """
    return _chart(runs, "loss", log_y, smoothing, height, uirevision)


def accuracy_chart(
    runs: Sequence[RunCurves],
    *,
    log_y: bool = False,
    smoothing: float = 0.0,
    height: int = HEIGHT,
    uirevision: str = "accuracy",
) -> go.Figure:
    """Accuracy of each step and of validation after each epoch; `height` in pixels.

    With `log_y` the error, 1 − accuracy, on a logarithmic axis: 99% and 99.5% are as far
    apart as 98% and 99%. A batch without a mistake is then drawn at half the smallest error
    there is, because a logarithmic axis has no zero; its hover text says 100%.
    """
    return _chart(runs, "accuracy", log_y, smoothing, height, uirevision)


def _chart(
    runs: Sequence[RunCurves],
    metric: Metric,
    log_y: bool,
    smoothing: float,
    height: int,
    uirevision: str,
) -> go.Figure:
    lines = [_Line(run, metric, index, log_y) for index, run in enumerate(runs)]
    if len(lines) == 1:
        lines[0].val_colour = colour(1)
    traces_a_run = 2 if smoothing else 1
    limit = int(np.clip(ALL_POINTS // max(1, len(lines) * traces_a_run), 100, POINTS))
    traces: list[dict[str, Any]] = []
    for line in lines:
        traces += line.training(smoothing, limit)
    for line in lines:  # above all training lines
        traces += line.validation()
    heading = {"loss": _loss_heading(runs), "accuracy": "Error" if log_y else "Accuracy"}[metric]
    # Two entries a row fit a phone; those of a single run have room beside the heading.
    entries = len(lines) + 2 if len(lines) > 1 else 0
    a_row = 1 if len(lines) > 1 and max(len(line.name) for line in lines) > LONGEST_OF_TWO else 2
    rows = -(-entries // a_row)
    room = LEGEND_ROW * rows + LEGEND_FOOT if rows else 0
    figure = go.Figure()
    lay_out(
        figure,
        height=height + room,
        margin={"b": 50 + room},
        title=title(heading),
        uirevision=f"{uirevision}-{metric}-{log_y}",
        legend=_legend(rows, height),
        shapes=_epoch_marks(runs)
        + change_lines([run.changes for run in runs])
        + [
            upright_line(line.broken, {"color": WARNING, "width": 2, "dash": "dash"})
            for line in lines
            if line.broken
        ]
        + _least_loss_line(runs, metric),
        annotations=change_words(
            [(run.step, run.changes) for run in runs], below=metric == "accuracy" and not log_y
        )
        + [line.divergence_words() for line in lines if line.broken]
        + _least_loss_words(runs, metric, log_y)
        + _leap_words(lines, metric, log_y),
        xaxis=_x_axis(lines),
        yaxis=_y_axis(lines, metric, log_y),
    )
    return figure.add_traces(traces + _key(lines, smoothing))


def _loss_heading(runs: Sequence[RunCurves]) -> str:
    """The name of the loss; of runs with different ones, that they do not compare."""
    titles = dict.fromkeys(run.loss_title for run in runs)
    if len(titles) > 1:
        return "Loss (of different kinds)"
    return next(iter(titles), "") or "Loss"


def _leap_words(lines: Sequence[_Line], metric: Metric, log_y: bool) -> list[dict[str, Any]]:
    """The height of a leap that the axis of the loss leaves out, in words."""
    if log_y or metric != "loss" or not _loss_ceiling(lines):
        return []
    highest = float(f"{max(line.highest for line in lines):.2g}")
    words = f"{highest:,.0f}" if highest >= 10 else f"{highest:g}"
    return [
        {
            "text": f"↑ leaps to {words}",
            "xref": "paper",
            "yref": "paper",
            "x": 1,
            "y": 1,
            "xanchor": "right",
            "yanchor": "top",
            "showarrow": False,
            "font": {"size": TEXT_SIZE - 2, "color": QUIET},
            "bgcolor": GROUND,
        }
    ]


class _Line:
    """One run's curve of one metric, as numbers to draw and numbers to tell."""

    def __init__(self, run: RunCurves, metric: Metric, index: int, log_y: bool) -> None:
        self.index, self.name = index, html.escape(run.name)
        self.metric, self.log_y = metric, log_y
        self.colour, self.symbol = colour(index), SYMBOLS[index % len(SYMBOLS)]
        self.val_colour = self.colour
        self.group = f"run-{index}"
        self.step = np.asarray(run.step, np.int64)
        self.told: Floats = np.asarray(getattr(run, metric), np.float64)
        losses = np.asarray(run.loss, np.float64)
        broken = np.flatnonzero(~np.isfinite(losses))
        self.broken = int(self.step[broken[0]]) if len(broken) else None
        self.epoch_steps = np.asarray(run.epoch_steps, np.int64)
        values = getattr(run, f"val_{metric}")
        known = [(s, v) for s, v in zip(run.epoch_steps, values, strict=False) if v is not None]
        self.val_step = np.array([s for s, _ in known], np.int64)
        self.val_told = np.array([v for _, v in known], np.float64)
        smallest = self._errors() if metric == "accuracy" and log_y else None
        self.floor = float(smallest.min()) / 2 if smallest is not None and len(smallest) else 1e-4

    def _errors(self) -> Floats:
        errors = 1 - np.concatenate([self.told, self.val_told])
        return errors[np.isfinite(errors) & (errors > 1e-7)]

    def drawn(self, told: Floats) -> Floats:
        """The heights of values: themselves, or what a logarithmic axis can show of them."""
        if self.metric == "accuracy" and self.log_y:
            return np.where(np.isfinite(told), np.maximum(1 - told, self.floor), np.nan)
        shown = np.isfinite(told) & ((told > 0) | (not self.log_y))
        return np.where(shown, told, np.nan)

    @cached_property
    def highest(self) -> float:
        """The largest finite value, 0 when there is none."""
        values = np.concatenate([self.told, self.val_told])
        return float(values[np.isfinite(values)].max(initial=0.0))

    @cached_property
    def usual(self) -> float:
        """The value that nearly all finite values of training stay below, 0 when there are few."""
        values = self.told[np.isfinite(self.told)]
        return float(np.quantile(values, 0.9)) if len(values) >= 20 else 0.0

    def epochs(self, step: npt.NDArray[np.int64]) -> Floats:
        """The epoch (from 1) each step belongs to: 1 during the first."""
        return np.asarray(np.searchsorted(self.epoch_steps, step) + 1, np.float64)

    def training(self, smoothing: float, limit: int) -> list[dict[str, Any]]:
        base = {"mode": "lines", "legendgroup": self.group, "name": self.name}
        trace = {
            **base,
            **self._points(self.told, smooth(self.told, smoothing), limit, smoothing),
            "uid": f"{self.group}-train",
            "line": {"color": self.colour, "width": 2.6 if smoothing else 1.6},
            "showlegend": False,
        }
        if not smoothing:
            return [trace]
        step, drawn = decimate(self.step, self.drawn(self.told), limit)
        raw = {
            **base,
            "uid": f"{self.group}-raw",
            "x": step.astype(np.int32),
            "y": drawn.astype(np.float32),
            "line": {"color": self.colour, "width": 1},
            "opacity": 0.45,
            "hoverinfo": "skip",
            "showlegend": False,
        }
        return [raw, trace]

    def _points(self, told: Floats, line: Floats, limit: int, smoothing: float) -> dict[str, Any]:
        """Points of the training line; hover tells the step's own value, and the average."""
        position, drawn = decimate(np.arange(len(line)), self.drawn(line), limit)
        step = self.step[position]
        columns = [told[position], self.epochs(step)]
        columns += [line[position]] if smoothing else []
        average = f"<br>median {self._format('customdata[2]')}" if smoothing else ""
        return {
            "x": step.astype(np.int32),
            "y": drawn.astype(np.float32),
            "customdata": np.stack(columns, axis=1).astype(np.float32),
            "hovertemplate": (
                f"<b>{self.name}</b> · training<br>step %{{x:,}} · epoch %{{customdata[1]:.0f}}"
                f"<br>{self.metric} <b>{self._format('customdata[0]')}</b>{average}<extra></extra>"
            ),
        }

    def _format(self, field: str) -> str:
        return f"%{{{field}:{'.2%' if self.metric == 'accuracy' else '.5~g'}}}"

    def validation(self) -> list[dict[str, Any]]:
        if not len(self.val_step):
            return []
        return [
            {
                "uid": f"{self.group}-val",
                "mode": "lines+markers",
                "legendgroup": self.group,
                "name": f"{self.name} · validation",
                "cliponaxis": False,  # a mark at 100% is whole
                "showlegend": False,
                "x": self.val_step.astype(np.int32),
                "y": self.drawn(self.val_told),
                "customdata": np.stack([self.val_told, self.epochs(self.val_step)], axis=1),
                "line": {"color": self.val_colour, "width": 2.2, "dash": "8px,5px"},
                "marker": {
                    "symbol": self.symbol,
                    "size": 11,
                    "color": self.val_colour,
                    "line": {"color": "rgba(255,255,255,0.9)", "width": 1.5},
                },
                "hovertemplate": (
                    f"<b>{self.name}</b> · validation<br>step %{{x:,}} · "
                    f"after epoch %{{customdata[1]:.0f}}<br>{self.metric} "
                    f"<b>{self._format('customdata[0]')}</b><extra></extra>"
                ),
            }
        ]

    def now(self, smoothing: float) -> tuple[str, str]:
        """The latest values of training and validation for the legend, as " 0.052"; "" for none."""

        def words(values: Floats) -> str:
            finite = values[np.isfinite(values)]
            if not len(finite):
                return ""
            last = float(finite[-1])
            return f" {last:.1%}" if self.metric == "accuracy" else f" {last:.3g}"

        return words(smooth(self.told, smoothing)), words(self.val_told)

    def divergence_words(self) -> dict[str, Any]:
        """The words at the step from which on the loss is not a number, on its emptier side."""
        right = (self.broken or 0) < 0.5 * int(self.step[-1])
        name = "" if self.index == 0 else f"{self.name} "
        return {
            "text": f"<b>{name}diverged at step {self.broken:,}</b>",
            "hovertext": "The loss is not a number (NaN) from this step on.",
            "x": self.broken,
            "xanchor": "left" if right else "right",
            "xshift": 6 if right else -6,
            "yref": "paper",
            "y": 0.6 - 0.14 * self.index,
            "showarrow": False,
            "font": {"color": WARNING},
            "bgcolor": GROUND,
            "borderpad": 3,
        }


def _least_loss_line(runs: Sequence[RunCurves], metric: Metric) -> list[dict[str, Any]]:
    """The line that label smoothing keeps the loss of the first run's training above."""
    least = runs[0].least_loss if runs and metric == "loss" else None
    if least is None:
        return []
    return [level_line(least, {"color": QUIET, "width": 1.5, "dash": "dot"}, layer="below")]


def _least_loss_words(
    runs: Sequence[RunCurves], metric: Metric, log_y: bool
) -> list[dict[str, Any]]:
    """The words for that line, right under it."""
    least = runs[0].least_loss if runs and metric == "loss" else None
    if least is None:
        return []
    return [
        {
            "text": f"label smoothing keeps training above {least:.2f}",
            "xref": "paper",
            "x": 1,
            "xanchor": "right",
            "y": float(np.log10(least)) if log_y else least,
            "yanchor": "top",
            "showarrow": False,
            "font": {"size": TEXT_SIZE - 2, "color": QUIET},
        }
    ]


def _key(lines: Sequence[_Line], smoothing: float) -> list[dict[str, Any]]:
    """The legend's entries: what the kinds of line mean, and which colour is which run."""

    def entry(name: str, colour: str, dash: str, symbol: str, group: str) -> dict[str, Any]:
        return {
            "uid": f"key-{group}-{dash}",
            "x": [None],
            "y": [None],
            "name": name,
            "legendgroup": group,
            "mode": "lines+markers" if symbol else "lines",
            "line": {"color": colour, "dash": dash, "width": 2.6},
            "marker": {"symbol": symbol or "circle", "size": 10, "color": colour},
            "hoverinfo": "skip",
        }

    single = len(lines) == 1
    tone, val_tone = (lines[0].colour, lines[0].val_colour) if single else (QUIET, QUIET)
    group = lines[0].group if single else "kinds"
    now = lines[0].now(smoothing) if single else ("", "")
    training = "training" + now[0]
    kinds = [entry(training, tone, "solid", "", f"{group}-a" if single else group)]
    if any(len(line.val_step) for line in lines):
        symbol = lines[0].symbol if single else "circle"
        kinds.append(
            entry(
                "validation" + now[1],
                val_tone,
                "8px,5px",
                symbol,
                f"{group}-b" if single else group,
            )
        )
    if not lines:
        return []
    if single:
        return kinds
    return [
        entry(line.name, line.colour, "solid", line.symbol, line.group) for line in lines
    ] + kinds


def _legend(rows: int, height: int) -> dict[str, Any]:
    """Beside the heading, else under the plot in `rows` rows kept free for it."""
    place: dict[str, Any] = {"y": 1, "yanchor": "top", "yref": "container", "x": 0.27}
    if rows:
        place = {"y": -54 / (height - 98), "yanchor": "top", "yref": "paper", "x": 0}
    return {
        **place,
        "xanchor": "left",
        "xref": "container",
        "orientation": "h",
        "maxheight": LEGEND_ROW * max(1, rows) + 20,
        "bgcolor": "rgba(0,0,0,0)",
        "font": {"size": TEXT_SIZE - 1},
        "itemwidth": 34,
        "tracegroupgap": 0,
    }


def _epoch_marks(runs: Sequence[RunCurves]) -> list[dict[str, Any]]:
    """Vertical lines at ends of epochs of the first run; of many, every second, fifth, …."""
    if not runs or not len(runs[0].epoch_steps):
        return []
    ends = list(runs[0].epoch_steps)
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 1000, len(ends)) if len(ends) / n <= 10)
    return [
        upright_line(
            int(ends[number - 1]),
            {"color": GRID, "width": 1.5, "dash": "dot"},
            layer="below",
            label={
                "text": f"epoch {number}" if number == every else str(number),
                "textposition": "end",
                "textangle": 0,
                "xanchor": "right",
                "yanchor": "bottom",
                "padding": 2,
                "font": {"size": TEXT_SIZE - 3, "color": QUIET},
            },
        )
        for number in range(every, len(ends) + 1, every)
    ]


def _x_axis(lines: Sequence[_Line]) -> dict[str, Any]:
    last = max((int(line.step[-1]) for line in lines if len(line.step)), default=0)
    # A little air at the right, so that a validation mark at the very end is whole.
    scale = _scale(0, max(SHORTEST, last) * 1.015, bool(last))
    return {"title": {"text": "training step"}, "tickformat": ",d", "nticks": 8, **scale}


def _y_axis(lines: Sequence[_Line], metric: Metric, log_y: bool) -> dict[str, Any]:
    seen = any(np.isfinite(line.told).any() for line in lines)
    if log_y:
        axis: dict[str, Any] = {"type": "log", "tickformat": "~g" if metric == "loss" else "~%"}
        if not seen or _decades(lines) < 4.5:
            axis["dtick"] = "D2"  # ticks at 1, 2 and 5; Plotly's own choice crowds two decades
        return axis if seen else {**axis, "range": [-2, 0.5 if metric == "loss" else 0]}
    if metric == "loss":
        highest = _loss_ceiling(lines) or max((line.highest for line in lines), default=0) or 2.5
        # A little below zero, so that a mark at zero is whole.
        return {**_scale(-0.03 * highest, 1.04 * highest, seen), "tickformat": "~g"}
    floor = _accuracy_floor(lines)
    scale = _scale(floor, 1 + 0.015 * (1 - floor), seen)
    return {**scale, "tickformat": ".0%" if floor < 0.95 else ".1%"}


def _loss_ceiling(lines: Sequence[_Line]) -> float | None:
    """The end of the axis of the loss when a few leaps would flatten all the rest, else None."""
    usual = max((line.usual for line in lines), default=0.0)
    highest = max((line.highest for line in lines), default=0.0)
    return 3 * usual if usual and highest > LEAP * usual else None


def _decades(lines: Sequence[_Line]) -> float:
    """The number of powers of ten that the values on a logarithmic axis span."""
    drawn = np.concatenate(
        [line.drawn(np.concatenate([line.told, line.val_told])) for line in lines]
    )
    drawn = drawn[np.isfinite(drawn)]
    return float(np.log10(drawn.max() / drawn.min())) if len(drawn) else 0.0


def _scale(low: float, high: float, seen: bool) -> dict[str, Any]:
    """An axis from `low` to `high`, until the reader zooms.

    Given as the bounds of Plotly's own choice: a `range` that differs from the one before
    would win over the reader's zoom, whatever `uirevision` says. Plotly chooses nothing while
    there is no data, so that then it has to be the range.
    """
    if not seen:
        return {"range": [low, high]}
    return {"autorangeoptions": {"minallowed": low, "maxallowed": high}}


def _accuracy_floor(lines: Sequence[_Line]) -> float:
    """The lower end of the accuracy axis: all of the smoothed curves is above, also its start."""
    floors: list[float] = []
    for line in lines:
        values = np.concatenate([smooth(line.told, 0.6), line.val_told])
        floors += [float(values[np.isfinite(values)].min(initial=1.0))]
    lowest = min(floors, default=0.0) if any(len(line.told) for line in lines) else 0.0
    return max(floor for floor in FLOORS if floor <= max(lowest - 0.005, 0.0))
