"""Figures of a hyperparameter study: Optuna's own in this app's look, and the trials' curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.figures.template import (
    GROUND,
    LEGEND_ABOVE,
    LIGHT,
    QUIET,
    TEMPLATE,
    TEXT_SIZE,
    title,
)

HEIGHT = 380
PANEL = 260  # pixels of one of several panels below each other
BLUE, ORANGE = LIGHT[0], LIGHT[1]
# Seen on a light ground and on a dark one: the ground shows through where values are bad.
_SCALE = [[0.0, "rgba(11,111,194,0.04)"], [1.0, "rgba(11,111,194,0.95)"]]
# Optuna writes the values of choices as Python does.
_QUOTES = "'"
_SMALL = TEXT_SIZE - 2


class TooFewTrials(ValueError):
    """There is nothing to draw yet; the message says what is missing."""


@dataclass(frozen=True)
class TrialCurve:
    """A trial's value at the end of each epoch; `state` is running, finished, pruned or failed."""

    number: int
    state: str
    epochs: Mapping[int, float]


def history(study: Any, objective: int, name: str, number_format: str) -> go.Figure:
    """Every trial's value in the order of trials, and the best so far."""
    optuna = _optuna(study)
    figure = optuna.plot_optimization_history(study, target_name=name, **_target(study, objective))
    for trace in figure.data:
        if trace.mode == "lines":
            trace.update(line={"color": ORANGE, "width": 3, "shape": "hv"}, name="best so far")
        else:
            trace.update(marker={"color": BLUE, "size": 11}, name="trial")
    if len(study.directions) > 1:
        figure.data[0].update(name=name)
    figure.update_traces(hovertemplate=f"trial %{{x}}<br>{name} <b>%{{y:{number_format}}}</b>")
    _drop_empty(figure)
    _restyle(figure, "Trial by trial")
    last = max((max(trace.x) for trace in figure.data), default=0)
    values = [value for trace in figure.data for value in trace.y]
    y_axis: dict[str, Any] = {"title": {"text": name}, "tickformat": _ticks(number_format)}
    if values and min(values) == max(values):  # Plotly would show accuracies up to 150%
        y_axis["range"] = [0.95 * values[0], 1.05 * values[0]]
    return figure.update_layout(
        xaxis={
            "title": {"text": "trial"},
            "tickformat": "d",
            "dtick": max(1, round(last / 10)),
            "range": [-0.5, last + 0.5],
        },
        yaxis=y_axis,
        legend=LEGEND_ABOVE,
    )


def epoch_curves(curves: Sequence[TrialCurve], name: str, number_format: str) -> go.Figure:
    """Each trial's value at the end of each epoch; pruned ones end in a cross."""
    drawn = [curve for curve in curves if curve.epochs]
    if not drawn:
        raise TooFewTrials("The curves appear when the first trial has ended an epoch.")
    figure = go.Figure()
    looks = {
        "pruned": (QUIET, "dot", "x", "pruned"),
        "failed": (QUIET, "dot", "x", "came to nothing"),
        "finished": (BLUE, "solid", "circle", "finished"),
        "running": (ORANGE, "solid", "circle-open", "running"),
    }
    told: set[str] = set()
    for curve in sorted(drawn, key=lambda curve: list(looks).index(curve.state)):
        colour, dash, symbol, word = looks[curve.state]
        epochs = sorted(curve.epochs)
        figure.add_scatter(
            uid=f"trial-{curve.number}",
            x=epochs,
            y=[curve.epochs[epoch] for epoch in epochs],
            customdata=[curve.number] * len(epochs),
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2},
            opacity=0.65 if curve.state in ("pruned", "failed") else 0.85,
            marker={
                "color": colour,
                "symbol": symbol,
                "size": [6] * (len(epochs) - 1) + [11],
            },
            legendgroup=curve.state,
            name=word,
            showlegend=curve.state not in told,
            hovertemplate=(
                f"trial {curve.number} · {word}<br>epoch %{{x}}<br>{name} "
                f"<b>%{{y:{number_format}}}</b><extra></extra>"
            ),
        )
        told.add(curve.state)
    _restyle(figure, "Epoch by epoch")
    return figure.update_layout(
        showlegend=True,
        legend=LEGEND_ABOVE,
        xaxis={"title": {"text": "epoch"}, "tickformat": "d", "dtick": _epoch_tick(drawn)},
        yaxis={"title": {"text": name}, "tickformat": _ticks(number_format)},
    )


def parallel_coordinates(study: Any, objective: int, name: str, number_format: str) -> go.Figure:
    """A line a trial through all its settings; the better the trial, the stronger its line."""
    optuna = _optuna(study)
    figure = optuna.plot_parallel_coordinate(study, target_name=name, **_target(study, objective))
    lines = [trace for trace in figure.data if trace.mode == "lines" and len(trace.x or ()) > 1]
    best_first = study.directions[objective].name == "MAXIMIZE"
    worth = np.array([trace.y[0] if best_first else -trace.y[0] for trace in lines], np.float64)
    ranks = worth.argsort().argsort() / max(1, len(worth) - 1)
    for trace, rank in zip(lines, ranks.tolist(), strict=True):
        best = rank == 1
        colour = ORANGE if best else BLUE
        trace.update(line={"color": colour, "width": 4 if best else 1 + 2 * rank})
        trace.update(opacity=1 if best else 0.12 + 0.6 * rank**2)
    figure.data = sorted(figure.data, key=lambda trace: trace.opacity or 0)
    for trace in figure.data:
        if trace not in lines:
            trace.update(showlegend=False)
            if trace.marker.showscale:
                trace.marker.showscale = False
    _restyle(figure, "Each trial's settings, the best in orange")
    # In lines, else a phone leaves out every other name.
    names = [text.replace(" ", "<br>") for text in figure.layout.xaxis.ticktext]
    figure.update_xaxes(showgrid=False, ticktext=names)
    _name_values(figure, lines, [trial.values[objective] for trial in _finished(study)],
                 number_format)  # fmt: skip
    return figure


def _name_values(
    figure: go.Figure, lines: Sequence[Any], values: Sequence[float], number_format: str
) -> None:
    """Write the objective on its axis and in the hover texts as elsewhere: 97.5%, not 0.975."""

    def at(height: float) -> str:
        value = min(values) + height * (max(values) - min(values))
        return format(value, number_format.replace("~", ""))

    for line in lines:
        (name, _), *rest = line.customdata
        line.customdata = [[name, at(line.y[0])], *rest]
    for label in figure.layout.annotations:
        if label.x == 0:
            label.text = at(label.y)
        # Lines run through the labels of the axes between the first and the last.
        label.update(font={"size": _SMALL, "color": None}, bgcolor=GROUND, opacity=0.85)


def contour(
    study: Any, objective: int, name: str, number_format: str, settings: Sequence[str]
) -> go.Figure:
    """The objective over two settings together: the darker, the better."""
    optuna = _optuna(study, 3)
    figure = optuna.plot_contour(
        study, params=list(settings), target_name=name, **_target(study, objective)
    )
    less_is_better = study.directions[objective].name == "MINIMIZE"
    for trace in figure.data:
        if trace.type == "contour":
            # Told which of two objectives to draw, Optuna does not know its direction.
            trace.update(colorscale=_SCALE, reversescale=less_is_better)
            trace.update(line={"width": 0.6, "color": QUIET})
            trace.colorbar.update(
                outlinewidth=0,
                tickformat=_ticks(number_format),
                thickness=14,
                title={"text": name, "side": "right", "font": {"size": TEXT_SIZE}},
            )
        else:
            trace.update(
                marker={"color": ORANGE, "size": 9, "line": {"width": 1.5, "color": GROUND}}
            )
    _drop_empty(figure)
    _restyle(figure, "Two settings together")
    return figure


def slices(study: Any, objective: int, name: str, number_format: str) -> go.Figure:
    """The objective against each setting on its own; later trials are darker."""
    optuna = _optuna(study)
    figure = optuna.plot_slice(study, target_name=name, **_target(study, objective))
    _drop_empty(figure)
    for trace in figure.data:
        order = np.asarray(trace.marker.color, np.float64)
        share = (order - order.min()) / max(1.0, float(np.ptp(order)))
        trace.marker = {"color": BLUE, "size": 11, "opacity": (0.25 + 0.75 * share).tolist()}
        trace.hovertemplate = f"%{{x}}<br>{name} <b>%{{y:{number_format}}}</b><extra></extra>"
    count = len(figure.data)
    _restyle(figure, "One setting at a time")
    return _below_each_other(figure, count, name, number_format)


def importance(study: Any, objective: int, name: str) -> go.Figure:
    """The share of the differences between trials that each setting explains."""
    optuna = _optuna(study, 8)  # of fewer it claims what chance made
    figure = optuna.plot_param_importances(study, target_name=name, **_target(study, objective))
    figure.update_traces(
        marker={"color": BLUE},
        textfont={"size": TEXT_SIZE},
        texttemplate="%{x:.0%}",
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        cliponaxis=False,
    )
    _restyle(figure, "Which setting matters")
    rows = len(figure.data[0].y) if figure.data else 1
    return figure.update_layout(
        height=120 + 44 * max(2, rows),
        showlegend=False,
        yaxis={"title": {"text": ""}, "automargin": True},
        # Room for the number behind the longest bar, also on a phone.
        xaxis={
            "title": {"text": "share of the differences"},
            "tickformat": ".0%",
            "dtick": 0.2,
            "range": [0, 1.15 * max([*figure.data[0].x, 0.1]) if figure.data else 1],
        },
    )


def pareto_front(study: Any, names: Sequence[str], formats: Sequence[str]) -> go.Figure:
    """Both objectives of each trial; no trial beats one on the front in both."""
    optuna = _optuna(study)
    figure = optuna.plot_pareto_front(study, target_names=list(names))
    on_front = {trial.number for trial in study.best_trials}
    for trace in figure.data:
        trace.customdata = [_number(text) for text in trace.text or ()]
        trace.hovertemplate = (
            f"trial %{{customdata}}<br>{names[0]} <b>%{{x:{formats[0]}}}</b>"
            f"<br>{names[1]} <b>%{{y:{formats[1]}}}</b><extra></extra>"
        )
        trace.update(showlegend=True, text=None)
        if on_front.issuperset(trace.customdata):
            _as_front(trace)
        else:
            trace.marker = {"color": BLUE, "size": 9, "opacity": 0.6}
            trace.update(name="other trials")
    _drop_empty(figure)
    _restyle(figure, "The Pareto front")
    return figure.update_layout(
        legend=LEGEND_ABOVE,
        xaxis={"title": {"text": names[0]}, "tickformat": _ticks(formats[0])},
        yaxis={"title": {"text": names[1]}, "tickformat": _ticks(formats[1])},
    )


def _as_front(trace: Any) -> None:
    """The trials on the front, from left to right, joined by a thin line."""
    order = np.argsort(np.asarray(trace.x, np.float64), kind="stable").tolist()
    trace.update(
        x=[trace.x[at] for at in order],
        y=[trace.y[at] for at in order],
        customdata=[trace.customdata[at] for at in order],
        mode="lines+markers",
        line={"color": ORANGE, "width": 1.5, "dash": "dot"},
        name="on the front",
    )
    trace.marker = {"color": ORANGE, "size": 14}


def _optuna(study: Any, least: int = 1) -> Any:
    """Optuna's figures, when at least so many trials have finished. Raises TooFewTrials."""
    import optuna.visualization

    if len(_finished(study)) < least:
        trials = "the first trial has" if least == 1 else f"{least} trials have"
        raise TooFewTrials(f"This figure appears when {trials} finished.")
    return optuna.visualization


def _finished(study: Any) -> list[Any]:
    from optuna.trial import TrialState

    return list(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _target(study: Any, objective: int) -> dict[str, Callable[[Any], float]]:
    """With two objectives Optuna wants to be told which to draw."""
    if len(study.directions) == 1:
        return {}
    return {"target": lambda trial: float(trial.values[objective])}


def _number(text: str) -> int:
    """The trial's number in Optuna's hover text, which is HTML around JSON."""
    digits = text.partition('"number": ')[2] or text.partition("number")[2].lstrip('": ')
    return int("".join(letter for letter in digits.split(",")[0] if letter.isdigit()) or 0)


def _drop_empty(figure: go.Figure) -> None:
    """Leave out traces without points: Optuna draws infeasible trials, of which we have none."""
    figure.data = [trace for trace in figure.data if trace.x is not None and len(trace.x)]


def _restyle(figure: go.Figure, heading: str) -> None:
    """Template, height and heading; names of choices without Python's quotes."""
    for trace in figure.data:
        if trace.type == "scatter" and trace.x is not None:
            trace.x = [x.strip(_QUOTES) if isinstance(x, str) else x for x in trace.x]
    figure.update_layout(
        template=TEMPLATE,
        height=HEIGHT,
        title=title(heading),
        margin={"autoexpand": True, "l": 30, "r": 20, "t": 64, "b": 40},
        plot_bgcolor=None,  # some of Optuna's are white, also on a dark page
    )
    # A learning rate is 0.0001, not 100µ.
    figure.update_xaxes(automargin=True, exponentformat="none")
    figure.update_yaxes(automargin=True, exponentformat="none")
    for trace in figure.data:
        for letter in "xy":
            axis = figure.layout[f"{letter}axis{(trace[letter + 'axis'] or letter)[1:]}"]
            if axis.type == "log" and trace[letter] is not None:
                _whole_ticks(axis, np.asarray(trace[letter], np.float64))


def _whole_ticks(axis: Any, values: npt.NDArray[np.float64]) -> None:
    """Label a logarithmic axis with whole numbers; Plotly labels 20 as a small “2”."""
    ends = values.min(), values.max()
    low, high = np.power(10, axis.range) if axis.range else (ends[0] * 0.9, ends[1] * 1.1)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)

    def inside(digits: Sequence[int]) -> list[float]:
        every = np.outer(powers, digits).ravel()
        return every[(low <= every) & (every <= high)].tolist()

    shown = inside([1])
    if len(shown) < 3:
        shown = inside([1, 2, 5])
    axis.update(
        tickvals=shown,
        ticktext=[np.format_float_positional(value, precision=9, trim="-") for value in shown],
        minor={"tickvals": inside(range(1, 10)), "ticks": "outside", "ticklen": 4},
    )


def _below_each_other(figure: go.Figure, count: int, name: str, number_format: str) -> go.Figure:
    """Optuna puts the panels side by side, too narrow for a phone."""
    gap = 0.3 / count if count > 1 else 0.0
    share = (1 - gap * (count - 1)) / count
    for index in range(count):
        suffix = "" if index == 0 else str(index + 1)
        top = 1 - index * (share + gap)
        figure.layout[f"xaxis{suffix}"].domain = [0, 1]
        figure.layout[f"yaxis{suffix}"].update(
            domain=[max(0.0, top - share), top],
            title={"text": name if index == 0 else ""},
            tickformat=_ticks(number_format),
            showticklabels=True,
            matches=None,
        )
    return figure.update_layout(height=110 + PANEL * count)


def _ticks(number_format: str) -> str:
    """Numbers on an axis need no zeros at their end."""
    return number_format.replace(".2%", ".2~%")


def _epoch_tick(curves: Sequence[TrialCurve]) -> int:
    return max(1, max(max(curve.epochs) for curve in curves) // 10)
