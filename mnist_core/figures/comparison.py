"""Figures of one or two settings compared over seeds: results, curves, heat map."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mnist_core.figures.template import (
    GROUND,
    LEGEND_ABOVE,
    QUIET,
    TEXT_SIZE,
    colour,
    lay_out,
    title,
)

HEIGHT, PANEL = 310, 92  # pixels
BLUE, ORANGE = colour(0), colour(1)
_SCALE = [[0.0, "rgba(11,111,194,0.06)"], [1.0, "rgba(11,111,194,0.9)"]]
_BAND_OPACITY = 0.18
_SMALL = TEXT_SIZE - 2
# Of so many cells or more, colours reach from the best so many times as far as to the median.
MANY, REACH = 4, 4
# With more cells than these in a row their values are told on hover alone.
MOST_LABELLED = 8
# More small panels than these cannot be read, and take seconds to draw.
MOST_PANELS = 64


@dataclass(frozen=True)
class Dot:
    """One training: its seed, the number of its trial, and what it reached.

    `result` is None until it has ended; `epochs` has the value after each epoch so far.
    """

    seed: int
    trial: int
    result: float | None
    epochs: Mapping[int, float]


@dataclass(frozen=True)
class Value:
    """One value of a setting with its trainings; `at` is its place on a numeric axis, if any.

    `failed` counts those of them that came to nothing.
    """

    label: str
    at: float | None
    dots: tuple[Dot, ...]
    failed: int = 0

    @property
    def results(self) -> list[float]:
        """The results of its trainings that have ended."""
        return [dot.result for dot in self.dots if dot.result is not None]

    @property
    def failures(self) -> str:
        """The number of its trainings that failed, in words; empty where none did."""
        return f"{self.failed} of {len(self.dots)} failed" if self.failed else ""


@dataclass(frozen=True)
class Scale:
    """The form of results: the objective's name and d3's format; `log`: the setting's axis."""

    name: str
    format: str
    setting: str
    log: bool = False
    more_is_better: bool = True

    @property
    def ticks(self) -> str:
        """The format without zeros at the end."""
        return self.format.replace(".2%", ".2~%")


@dataclass(frozen=True)
class Pairs:
    """The values of two settings as they are written, and what came of each pair of them.

    `cells` are by (value across, value upwards); a pair that was not trained yet may be missing.
    `setting` names what is drawn upwards; the `Scale` names the other.
    """

    across: Sequence[str]
    upwards: Sequence[str]
    cells: Mapping[tuple[str, str], Value]
    setting: str


def results_chart(values: Sequence[Value], scale: Scale) -> go.Figure:
    """Result against value: one dot per seed, the mean as a bar, ± one standard deviation.

    Trainings that go on are hollow, at the value of their last epoch.
    """
    figure = go.Figure()
    numeric = all(value.at is not None for value in values)
    place = {v.label: (v.at if numeric else v.label) for v in values}
    with_results = [value for value in values if value.results]
    means = [float(np.mean(value.results)) for value in with_results]
    spread = [float(np.std(v.results, ddof=1)) if len(v.results) > 1 else 0.0 for v in with_results]
    figure.add_scatter(
        uid="mean",
        x=[place[value.label] for value in with_results],
        y=means,
        error_y={"array": spread, "thickness": 2, "width": 7, "color": ORANGE},
        mode="lines+markers" if numeric else "markers",
        line={"color": ORANGE, "width": 1.5, "dash": "dot"},
        marker={"symbol": "line-ew", "size": 26, "line": {"width": 4, "color": ORANGE}},
        customdata=[[_of_seeds(value), s] for value, s in zip(with_results, spread, strict=True)],
        name="mean ± standard deviation",
        hovertemplate=(
            f"{html.escape(scale.setting)} <b>%{{x}}</b><br>mean {scale.name} "
            f"<b>%{{y:{scale.format}}}</b> ± %{{customdata[1]:{scale.format}}}<br>"
            "%{customdata[0]}<extra></extra>"
        ),
    )
    for done, name, symbol in ((True, "one seed", "circle"), (False, "in training", "circle-open")):
        found = [
            (place[value.label], dot, y)
            for value in values
            for dot in value.dots
            if (dot.result is not None) is done and (y := _height(dot)) is not None
        ]
        figure.add_scatter(
            uid=name,
            x=[x for x, _, _ in found],
            y=[y for _, _, y in found],
            customdata=[dot.trial for _, dot, _ in found],
            text=[f"seed {dot.seed}" for _, dot, _ in found],
            mode="markers",
            marker={"color": BLUE, "size": 10, "symbol": symbol, "opacity": 0.75},
            name=name,
            showlegend=bool(found),
            hovertemplate=(
                f"{html.escape(scale.setting)} <b>%{{x}}</b> · %{{text}}<br>"
                f"{scale.name} <b>%{{y:{scale.format}}}</b><extra>trial %{{customdata}}</extra>"
            ),
        )
    lay_out(
        figure,
        height=HEIGHT,
        margin={"l": 78, "r": 16, "t": 58, "b": 72 if any(v.failed for v in values) else 56},
        title=title(f"{scale.name.capitalize()} by {scale.setting}"),
        legend=LEGEND_ABOVE | {"font": {"size": _SMALL, "color": QUIET}},
        xaxis=_setting_axis(values, scale, numeric),
        yaxis={"title": {"text": scale.name}, "tickformat": scale.ticks, "range": _range(values)},
        uirevision="results",
    )
    return figure


def curve_bands(values: Sequence[Value], scale: Scale) -> go.Figure:
    """The result after each epoch: a line for the mean of the seeds, a band from worst to best."""
    figure = go.Figure([
        trace
        for index, value in enumerate(values)
        for trace in _band(value, scale, colour(index))
    ])  # fmt: skip
    lay_out(
        figure,
        height=HEIGHT,
        margin={"l": 78, "r": 16, "t": 58, "b": 56},
        title=title("Epoch by epoch"),
        legend=LEGEND_ABOVE | {"font": {"size": _SMALL, "color": QUIET}},
        xaxis={"title": {"text": "epoch"}, "tickformat": "d", "dtick": _epoch_tick(values)},
        yaxis={"title": {"text": scale.name}, "tickformat": scale.ticks},
        uirevision="bands",
    )
    return figure


def heat_map(pairs: Pairs, scale: Scale) -> go.Figure:
    """Mean result of each pair of values; a cell fills when its first training has ended.

    A cell with failed trainings says so.
    """
    across, upwards, cells = pairs.across, pairs.upwards, pairs.cells
    means = [[_mean(cells.get((x, y))) for x in across] for y in upwards]
    counts = [[_hover(pairs, scale, x, y) for x in across] for y in upwards]
    labelled = len(across) <= MOST_LABELLED
    figure = go.Figure()
    figure.add_heatmap(
        uid="cells",
        x=list(across),
        y=list(upwards),
        z=means,
        customdata=counts,
        xgap=2,
        ygap=2,
        colorscale=_SCALE,
        **_colour_range(means, scale.more_is_better),
        reversescale=not scale.more_is_better,
        text=[[_note(cells.get((x, y))) for x in across] for y in upwards],
        texttemplate=f"%{{z:{scale.format}}}%{{text}}" if labelled else "",
        textfont={"size": _SMALL},
        hoverongaps=True,
        hovertemplate="%{customdata}<extra></extra>",
        colorbar={"tickformat": scale.ticks, "outlinewidth": 0, "thickness": 12},
    )
    lay_out(
        figure,
        height=max(HEIGHT, 110 + 44 * len(upwards)),
        margin={"l": 90, "r": 90, "t": 50, "b": 56},
        title=title(f"{scale.name.capitalize()} · click a cell to open its run"),
        xaxis={"type": "category", "title": {"text": scale.setting}, "showgrid": False},
        yaxis={"type": "category", "title": {"text": pairs.setting}, "showgrid": False,
               "automargin": True},
        annotations=[
            # By place: Plotly would take the name "0.001" of a column for a number.
            {"x": column, "y": row, "text": value.failures, "showarrow": False,
             "captureevents": False, "font": {"size": _SMALL}}
            for row, y in enumerate(upwards)
            for column, x in enumerate(across)
            if labelled and (value := cells.get((x, y))) is not None
            if value.failed and not value.results  # the cell has no colour to write its text upon
        ],
        uirevision="heat",
    )  # fmt: skip
    return figure


def small_multiples(pairs: Pairs, scale: Scale) -> go.Figure:
    """The curves of every pair of values, all with the same axes: `curve_bands` in small.

    For at most `MOST_PANELS` pairs.
    """
    across, upwards, cells = pairs.across, pairs.upwards, pairs.cells
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    every = [value for value in cells.values() if any(dot.epochs for dot in value.dots)]
    heights = [y for value in every for dot in value.dots for y in dot.epochs.values()]
    low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)
    pad = 0.05 * (high - low) or 0.01
    last = max((max(dot.epochs) for v in every for dot in v.dots if dot.epochs), default=1)
    for row, y in enumerate(upwards):
        for column, x in enumerate(across):
            number = row * len(across) + column + 1
            suffix = "" if number == 1 else str(number)
            left = {"domain": _share(column, len(across)), "range": [0.7, last + 0.3],
                    "showticklabels": False, "showgrid": False, "anchor": f"y{suffix}"}  # fmt: skip
            up = {"domain": _share(row, len(upwards)), "range": [low - pad, high + pad],
                  "showticklabels": column == 0, "tickformat": scale.ticks, "nticks": 3,
                  "tickfont": {"size": _SMALL - 2}, "anchor": f"x{suffix}"}  # fmt: skip
            if row == 0:
                left["title"] = {"text": html.escape(x), "font": {"size": _SMALL}, "standoff": 2}
            if column == 0:
                up["title"] = {"text": html.escape(y), "font": {"size": _SMALL}}
            layout |= {f"xaxis{suffix}": left, f"yaxis{suffix}": up}
            if (value := cells.get((x, y))) is not None:
                traces += _band(value, scale, BLUE, suffix)
    return lay_out(
        go.Figure(traces),
        height=90 + PANEL * len(upwards),
        margin={"l": 84, "r": 10, "t": 50, "b": 40},
        title=title(f"{scale.setting.capitalize()} →, {pairs.setting} ↑"),
        showlegend=False,
        uirevision="multiples",
        **layout,
    )


def _colour_range(
    means: Sequence[Sequence[float | None]], more_is_better: bool
) -> dict[str, float]:
    """The ends of the colours, so that a few very bad cells do not make all others look alike."""
    known = [mean for row in means for mean in row if mean is not None]
    if len(known) < MANY:
        return {}
    best = max(known) if more_is_better else min(known)
    bound = best - REACH * (best - float(np.median(known)))
    if more_is_better:
        return {"zmin": max(min(known), bound), "zmax": best}
    return {"zmin": best, "zmax": min(max(known), bound)}


def _band(value: Value, scale: Scale, shade: str, axes: str = "") -> list[dict[str, Any]]:
    """The traces of a value's band and its mean; Plotly takes many of them at once far faster."""
    epochs = sorted({epoch for dot in value.dots for epoch in dot.epochs})
    heights = [[dot.epochs[e] for dot in value.dots if e in dot.epochs] for e in epochs]
    common: dict[str, Any] = {
        "type": "scatter",
        "legendgroup": value.label,
        "xaxis": f"x{axes}",
        "yaxis": f"y{axes}",
    }
    low, high = [min(each) for each in heights], [max(each) for each in heights]
    band = dict(
        uid=f"band-{value.label}-{axes}",
        x=[*epochs, *reversed(epochs)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=shade,
        opacity=_BAND_OPACITY,
        mode="lines",
        line={"width": 0, "color": shade},
        hoverinfo="skip",
        showlegend=False,
        **common,
    )
    mean = dict(
        uid=f"mean-{value.label}-{axes}",
        x=epochs,
        y=[float(np.mean(each)) for each in heights],
        customdata=[len(each) for each in heights],
        mode="lines+markers",
        line={"color": shade, "width": 2.4},
        marker={"color": shade, "size": 6, "line": {"color": GROUND, "width": 1}},
        name=html.escape(value.label),
        showlegend=bool(epochs),
        hovertemplate=(
            f"<b>{html.escape(value.label)}</b><br>after epoch %{{x}}: {scale.name} "
            f"<b>%{{y:{scale.format}}}</b><br>mean of %{{customdata}}<extra></extra>"
        ),
        **common,
    )
    return [band, mean]


def _height(dot: Dot) -> float | None:
    if dot.result is not None:
        return dot.result
    return dot.epochs[max(dot.epochs)] if dot.epochs else None


def _range(values: Sequence[Value]) -> list[float] | None:
    """All results, spread a little: Plotly shows equal ones on an axis from −1 to 2."""
    heights = [y for value in values for dot in value.dots if (y := _height(dot)) is not None]
    if not heights:
        return [0.0, 1.0]
    low, high = min(heights), max(heights)
    pad = 0.12 * (high - low) or 0.02 * abs(high) or 0.01
    return [low - pad, high + pad]


def _setting_axis(values: Sequence[Value], scale: Scale, numeric: bool) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": scale.setting}, "showgrid": True}
    if not numeric:
        return axis | {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [value.label for value in values],
            "range": [-0.5, len(values) - 0.5],
            "tickvals": [value.label for value in values],
            "ticktext": [_tick(value) for value in values],
        }
    places = np.array([value.at for value in values], float)
    if scale.log:
        places = np.log10(places)
    pad = 0.08 * float(np.ptp(places)) or 0.5
    return axis | {
        "type": "log" if scale.log else "linear",
        "tickvals": [value.at for value in values],
        "ticktext": [_tick(value) for value in values],
        "range": [float(places.min()) - pad, float(places.max()) + pad],
    }


def _epoch_tick(values: Sequence[Value]) -> int:
    last = max((max(dot.epochs) for v in values for dot in v.dots if dot.epochs), default=1)
    return max(1, last // 10)


def _mean(value: Value | None) -> float | None:
    return float(np.mean(value.results)) if value is not None and value.results else None


def _tick(value: Value) -> str:
    """A value below the axis, with the failures that no dot shows."""
    return f"{value.label}<br>{value.failures}" if value.failed else value.label


def _note(value: Value | None) -> str:
    """The failures below a cell's mean."""
    return f"<br>{value.failures}" if value is not None and value.failed and value.results else ""


def _of_seeds(value: Value) -> str:
    """The number of seeds behind a mean, and of those that failed, in words."""
    count = len(value.results)
    words = f"{count} seed{'' if count == 1 else 's'}"
    return f"{words}, {value.failures}" if value.failed else words


def _hover(pairs: Pairs, scale: Scale, x: str, y: str) -> str:
    value = pairs.cells.get((x, y))
    where = f"{html.escape(scale.setting)} <b>{html.escape(x)}</b>, {html.escape(pairs.setting)} "
    where += f"<b>{html.escape(y)}</b><br>"
    if value is None or not value.results:
        return where + (value.failures if value is not None and value.failed else "not trained yet")
    form = scale.format.replace("~", "")
    return f"{where}{scale.name} <b>{np.mean(value.results):{form}}</b> · {_of_seeds(value)}"


def _share(index: int, count: int) -> list[float]:
    gap = 0.12 / count
    width = (1 - gap * (count - 1)) / count
    low = index * (width + gap)
    return [low, min(1.0, low + width)]
