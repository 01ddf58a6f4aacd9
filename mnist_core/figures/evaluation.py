"""Charts of what a network gets wrong, how its images lie together, and what it withstands.

Clicks and hover of `live_figure` use these: a cell of the confusion matrix has x = digit read and
y = true digit; a point of the embedding has as customdata the number of its image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from mnist_core.evaluation.metrics import Calibration, Scores
from mnist_core.evaluation.robustness import Fooling, Perturbation
from mnist_core.experiment.class_names import DIGITS, every, marks, noun, one
from mnist_core.experiment.shapes import MAX_CLASSES
from mnist_core.figures.template import (
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

CONFUSION_HEIGHT, CALIBRATION_HEIGHT, SCORES_HEIGHT = 470, 420, 340
EMBEDDING_HEIGHT, CURVE_HEIGHT = 560, 340
# Pixels that each class beyond the tenth adds to a matrix; with more classes than these its
# cells have no room for numbers, and hover tells them.
MORE_HEIGHT, MOST_NUMBERED = 14, 16
# Names that stand side by side below a plot; of more classes only every so many-th is named.
MOST_BELOW = 20

# One a digit, and again for further classes. They stand 3:1 against a light and against a dark
# page, so that they need no twins, and as far apart as ten such colours can be, most of all for
# digits that are often confused.
# The points are digits too: nothing has to be told by colour alone.
DIGIT_COLOURS = (
    "#2a55f6",
    "#7e5c7c",
    "#1d7722",
    "#ae01da",
    "#dc0217",
    "#0e94b9",
    "#fb04a7",
    "#c3825d",
    "#3ba40b",
    "#9a63f0",
)

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]

FEW = 10  # images: too few for their accuracy to tell much
MANY = 60  # misread points: then smaller rings, so that they do not cover one another


def confusion_heatmap(
    counts: npt.NDArray[np.int64],
    selected: tuple[int, int] | None = None,
    names: Sequence[str] = DIGITS,
) -> go.Figure:
    """A heat map of how often each digit was read as each, from counts [k, k] (row true).

    Mistakes have a colour of their own, deeper by the square root of their number: beside the
    hundreds on the diagonal they would all be pale. `selected` is (true, read), framed; `names`
    are those of the k classes.
    """
    size, figure = len(counts), go.Figure(_confusion_cells(counts, names))
    # A little air, so that a frame at the edge is whole.
    bare = {"showgrid": False, "showline": False}
    ends, wide, slope = [-0.57, size - 0.43], _name_width(names), 0.7 * (_name_width(names) > 12)
    lay_out(
        figure,
        height=CONFUSION_HEIGHT + MORE_HEIGHT * max(0, size - 10),
        title=title("What was read as what"),
        margin={"l": 46 + wide, "r": 6, "t": 40, "b": 48 + slope * wide},
        showlegend=False,
        dragmode=False,
        xaxis={
            **bare,
            **_class_axis(names, MOST_BELOW),
            "title": {"text": "read as", "standoff": 8 + slope * wide},
            "range": ends,
            "tickangle": -45 * (slope > 0),
        },
        yaxis={
            **bare,
            **_class_axis(names),
            "title": {"text": f"{noun(names)} in the image", "standoff": 8 + wide},
            "range": ends[::-1],
        },
        shapes=[_frame(*selected)] if selected else [],
    )
    return figure


def _confusion_cells(
    counts: npt.NDArray[np.int64], names: Sequence[str]
) -> list[go.Heatmap | go.Scatter]:
    """The mistakes, what was read right, and the numbers of both where cells have room."""
    images = counts.sum(axis=1)
    size, places = len(counts), range(len(counts))
    same = np.eye(size, dtype=np.bool_)
    share = counts / np.maximum(images, 1)[:, None]
    wrong = np.where(same, np.nan, np.sqrt(counts))
    right = np.where(same & (images > 0)[:, None], share, np.nan)
    words = [
        [_cell_words(names[t], names[r], counts[t, r], images[t]) for r in places] for t in places
    ]
    gap = 2 if size <= MOST_NUMBERED else 1
    cells = {
        "x": np.arange(size),
        "y": np.arange(size),
        "xgap": gap,
        "ygap": gap,
        "hovertext": words,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hoverongaps": False,
        "showscale": False,
    }
    most = float(np.nanmax(wrong)) or 1.0
    pairs = [(int(t), int(r)) for t, r in np.argwhere(counts > 0) if size <= MOST_NUMBERED]
    return [
        go.Heatmap(**cells, uid="wrong", z=wrong, zmin=0, zmax=most, opacity=0.62,
                   colorscale=[[0, GROUND], [0.001, GROUND], [1, WARNING]]),
        go.Heatmap(**cells, uid="right", z=right, zmin=0, zmax=1, opacity=0.4,
                   colorscale=[[0, GROUND], [1, colour(0)]]),
        # A trace of its own, because text in cells would not follow the page's theme.
        go.Scatter(uid="counts", mode="text", hoverinfo="skip", textfont={"size": 13},
                   x=[r for _, r in pairs], y=[t for t, _ in pairs],
                   text=[str(counts[pair]) for pair in pairs]),
    ]  # fmt: skip


def _class_axis(names: Sequence[str], most: int = MAX_CLASSES) -> dict[str, Any]:
    """An axis of classes, called by their names, at most so many of them."""
    every_so_many = -(-len(names) // most)
    axis: dict[str, Any] = {"tickvals": np.arange(0, len(names), every_so_many), "fixedrange": True}
    return axis if tuple(names) == DIGITS else axis | {"ticktext": list(names[::every_so_many])}


def _name_width(names: Sequence[str]) -> float:
    """The pixels that the longest name takes beyond a digit."""
    return 7.5 * (max(map(len, names)) - 1)


def _cell_words(true: str, read: str, count: int, images: int) -> str:
    if not images:
        return f"There is no image of {one(true)}."
    if not count:
        return f"No {true} was read as {read}."
    share = f"{_number(count, 'image')}, {count / images:.1%} of {every(true)}."
    if true == read:
        return f"<b>{true} read rightly</b><br>{share}"
    return f"<b>{true} read as {read}</b><br>{share}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _frame(true: int, read: int) -> dict[str, Any]:
    """A frame around a cell."""
    return {
        "type": "rect",
        "x0": read - 0.5,
        "x1": read + 0.5,
        "y0": true - 0.5,
        "y1": true + 0.5,
        "line": {"color": colour(2), "width": 4},
    }


def calibration_chart(found: Calibration) -> go.Figure:
    """Accuracy (bars) by confidence (dashes); below, the number of images.

    The heading tells the expected calibration error. Bars of fewer than FEW images are pale.
    """
    has = found.count > 0
    centres = ((found.edges[:-1] + found.edges[1:]) / 2)[has]
    sure, right, count = found.confidence[has], found.accuracy[has], found.count[has]
    words = [
        f"{_number(n, 'image')}: {s:.1%} sure on average,<br>right in {a:.1%}{_verdict(s, a)}"
        for s, a, n in zip(sure, right, count, strict=True)
    ]
    width = np.diff(found.edges)[has] * 0.9
    told = {"hovertext": words, "hovertemplate": "%{hovertext}<extra></extra>"}
    figure = go.Figure(
        [
            go.Bar(uid="right", x=centres, y=right, width=width, name="accuracy", **told,
                   marker={"color": colour(0), "line": {"width": 0},
                           "opacity": np.where(count < FEW, 0.3, 0.75)}),
            go.Scatter(uid="sure", x=centres, y=sure, name="confidence", mode="markers", **told,
                       marker={"symbol": "line-ew-open", "size": 22, "color": colour(1),
                               "line": {"width": 4}}),
            go.Bar(uid="count", x=centres, y=count, width=width, yaxis="y2", showlegend=False,
                   marker={"color": QUIET, "line": {"width": 0}}, **told),
        ]
    )  # fmt: skip
    off = found.expected_error
    lay_out(
        figure,
        height=CALIBRATION_HEIGHT,
        title=title("Calibration" + ("" if np.isnan(off) else f" error {off:.2%}")),
        margin={"t": 74, "r": 26},
        legend=_legend(),
        barmode="overlay",
        dragmode=False,
        xaxis={"title": {"text": "confidence"}, "range": [0, 1.005], "dtick": 0.25,
               "tickformat": ".0%", "anchor": "y2", "fixedrange": True},
        yaxis={"range": [0, 1.03], "tickformat": ".0%", "domain": [0.36, 1], "dtick": 0.25,
               "fixedrange": True},
        yaxis2={"type": "log", "domain": [0, 0.19], "dtick": 2, "fixedrange": True,
                "range": [-0.2, float(np.log10(count.max(initial=10))) + 0.1]},
        annotations=[{"text": "images", "x": 0, "xref": "paper", "y": 0.2, "yref": "paper",
                      "xanchor": "left", "yanchor": "bottom", "showarrow": False}],
    )  # fmt: skip
    return figure


def _verdict(sure: float, right: float) -> str:
    gap = abs(sure - right)
    if gap < 0.005:
        return "."
    return f":<br>{gap:.1%} too {'sure' if sure > right else 'unsure'}."


def _legend(x: float = 0.0) -> dict[str, Any]:
    """In a row of its own between the heading and the plot."""
    return {
        "orientation": "h",
        "x": x,
        "xanchor": "left",
        "xref": "container",
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": TEXT_SIZE - 1},
        "itemwidth": 34,
        "tracegroupgap": 0,
    }


def scores_chart(scores: Scores, names: Sequence[str] = DIGITS) -> go.Figure:
    """Each digit's precision and recall; a share of nothing is called "none".

    `names` are those of the classes.
    """
    places, noun_, wide = range(len(names)), noun(names), _name_width(names)
    wholes = {"precision": scores.read, "recall": scores.images}
    values = np.stack([scores.precision, scores.recall])
    known = values[np.isfinite(values)]
    lowest = float(known.min(initial=1.0))
    room = max(1 - lowest, 0.004) * 0.14
    bottom = lowest - room
    figure = go.Figure(
        go.Scatter(uid="between", x=np.repeat(places, 3), hoverinfo="skip", showlegend=False,
                   y=np.ravel([(p, r, np.nan) for p, r in values.T]), mode="lines",
                   line={"color": QUIET, "width": 2})
    )  # fmt: skip
    for index, (name, symbol) in enumerate((("precision", "circle"), ("recall", "diamond"))):
        whole = wholes[name]
        words = [_score_words(name, names[d], scores.right[d], whole[d]) for d in places]
        # Without a value an open mark at the foot; a score of 0 is a full one on the zero line.
        shown = np.where(np.isfinite(values[index]), values[index], bottom + room / 2)
        figure.add_scatter(
            uid=name, x=np.arange(len(names)), y=shown, name=name, mode="markers", hovertext=words,
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"symbol": [symbol if n else f"{symbol}-open" for n in whole], "size": 13,
                    "color": colour(index), "line": {"color": colour(index), "width": 2}},
        )  # fmt: skip
    lay_out(
        figure,
        height=SCORES_HEIGHT + 0.7 * wide,
        title=title(f"Precision and recall of each {noun_}"),
        margin={"t": 74} | ({"b": 44 + 0.7 * wide} if wide else {}),
        legend=_legend(),
        dragmode=False,
        xaxis={**_class_axis(names, MOST_BELOW), "title": {"text": "" if wide else noun_},
               "range": [-0.5, len(names) - 0.5], "tickangle": -45 * (wide > 12)},
        yaxis={"range": [bottom, 1 + room], "fixedrange": True,
               "tickformat": ".1%" if 1 - bottom < 0.1 else ".0%"},
    )  # fmt: skip
    return figure


def _score_words(name: str, digit: str, right: int, whole: int) -> str:
    if name == "precision":
        if not whole:
            return f"<b>precision of {digit}: none</b><br>Nothing was read as {digit}."
        what = f"Of {_number(whole, 'image')} read as {digit}<br>{right:,} are one."
    else:
        if not whole:
            return f"<b>recall of {digit}: none</b><br>There is no image of {one(digit)}."
        what = f"Of {_number(whole, 'image')} of {one(digit)}<br>{right:,} are read as one."
    return f"<b>{name} of {digit}: {right / whole:.2%}</b><br>{what}"


def embedding_scatter(
    points: Floats,
    labels: Integers,
    read: Integers,
    images: Integers | None = None,
    *,
    heading: str = "Images by their features",
    axes: tuple[str, str] = ("", ""),
    uirevision: str = "embedding",
    names: Sequence[str] = DIGITS,
) -> go.Figure:
    """Images as points [n, 2], each drawn as the digit it is, misread ones in a ring.

    `labels` and `read` [n] are the true digits and those read; `images` [n], by default 0 to
    n − 1, are the numbers of the images, which `live_figure` shows from its sheet. `names` are
    those of the classes; where they are long, the points are drawn as the classes' numbers.
    """
    numbers = np.arange(len(points)) if images is None else np.asarray(images)
    points = np.asarray(points, np.float32)
    figure = go.Figure()
    wrong = labels != read
    drawn = marks(names)
    for digit, name in enumerate(names):
        chosen = (labels == digit) & ~wrong
        _add_digits(figure, points[chosen], numbers[chosen], digit, drawn[digit], name)
    _add_misread(figure, points[wrong], numbers[wrong], labels[wrong], read[wrong], names)
    hidden = {"showticklabels": False, "showgrid": False, "showline": False}
    across, up = axes
    lay_out(
        figure,
        height=EMBEDDING_HEIGHT,
        title=title(heading),
        margin={"l": 30, "r": 8, "t": 70, "b": 34},
        legend=_legend(),
        showlegend=bool(wrong.any()),
        uirevision=uirevision,
        xaxis={**hidden, "title": {"text": across}},
        # Distances mean the same in both directions.
        yaxis={**hidden, "scaleanchor": "x"},
        # Not the axis's title: Plotly puts that of an axis without ticks over the points.
        annotations=[{"text": up, "textangle": -90, "x": 0, "y": 0.5, "xref": "paper",
                      "yref": "paper", "xshift": -16, "showarrow": False}],
    )  # fmt: skip
    return figure


def _add_misread(
    figure: go.Figure,
    points: Floats,
    numbers: Integers,
    labels: Integers,
    read: Integers,
    names: Sequence[str],
) -> None:
    """The misread images, each drawn as the digit it is, in a ring."""
    many, drawn = len(points) > MANY, marks(names)
    words = [f"{one(names[t])} read as {names[r]}" for t, r in zip(labels, read, strict=True)]
    figure.add_scatter(
        uid="misread", mode="markers+text", name="misread", x=points[:, 0], y=points[:, 1],
        text=[f"<b>{drawn[digit]}</b>" for digit in labels], customdata=numbers,
        hovertext=words, hovertemplate="<b>%{hovertext}</b><br>image %{customdata}<extra></extra>",
        textfont={"size": 13 if many else TEXT_SIZE},
        marker={"symbol": "circle", "size": 17 if many else 24, "color": GROUND, "opacity": 1,
                "line": {"color": WARNING, "width": 1.5 if many else 2.5}},
    )  # fmt: skip


def _add_digits(
    figure: go.Figure, points: Floats, numbers: Integers, digit: int, mark: str, name: str
) -> None:
    """Images of one digit that are read rightly."""
    tone = DIGIT_COLOURS[digit % len(DIGIT_COLOURS)]
    figure.add_scatter(
        uid=f"digit-{digit}", mode="text", x=points[:, 0], y=points[:, 1], customdata=numbers,
        text=mark, textfont={"size": 13, "color": tone}, showlegend=False,
        hovertemplate=f"<b>{one(name)}</b> read rightly<br>image %{{customdata}}<extra></extra>",
    )  # fmt: skip


def robustness_curve(
    perturbation: Perturbation,
    strengths: Sequence[float],
    accuracies: npt.ArrayLike,
    current: tuple[float, float] | None = None,
    chance: float = 0.1,
) -> go.Figure:
    """The accuracy at each strength; `current` is (strength, accuracy) of what is shown now.

    `chance` is the accuracy of guessing.
    """
    values = np.asarray(accuracies, np.float64)
    told = [perturbation.told(strength) for strength in strengths]
    figure = go.Figure(
        go.Scatter(
            uid="accuracy", x=np.asarray(strengths), y=values, mode="lines+markers",
            line={"color": colour(0), "width": 3}, marker={"size": 8}, hovertext=told,
            hovertemplate="at %{hovertext}<br><b>%{y:.1%}</b> read rightly<extra></extra>",
        )
    )  # fmt: skip
    # Below its line, where curves seldom go, if there is room.
    place = round(chance - 0.095, 3) if chance >= 0.1 else chance
    notes = [_note(0, place, "guessing", xref="paper", xanchor="left", colour=QUIET)]
    lines = [level_line(chance, _dotted(QUIET), layer="below")]
    if current:
        strength, accuracy = current
        right = strength > (perturbation.low + perturbation.high) / 2
        figure.add_scatter(
            uid="current", x=[strength], y=[accuracy], mode="markers", hovertext=[
                f"now: {perturbation.told(strength)}<br><b>{accuracy:.1%}</b> read rightly"
            ], hovertemplate="%{hovertext}<extra></extra>",
            marker={"size": 17, "color": colour(1), "line": {"color": GROUND, "width": 2}},
        )  # fmt: skip
        words = f"<b>{perturbation.told(strength)}: {accuracy:.1%}</b>"
        side = "right" if right else "left"
        notes.append(_note(strength, max(accuracy, 0.2), words, xanchor=side))
        lines.append(upright_line(strength, _dotted(colour(1)), layer="below"))
    lay_out(
        figure,
        height=CURVE_HEIGHT,
        title=title(f"Accuracy · {perturbation.title.lower()}"),
        showlegend=False,
        dragmode=False,
        shapes=lines,
        annotations=notes,
        xaxis={"title": {"text": perturbation.axis}, "fixedrange": True,
               "range": _padded(perturbation.low, perturbation.high)},
        yaxis={"range": [0, 1.04], "tickformat": ".0%", "dtick": 0.25, "fixedrange": True},
    )  # fmt: skip
    return figure


def fgsm_chart(
    epsilons: npt.ArrayLike,
    probabilities: Floats,
    label: int,
    fooling: Fooling | None = None,
    current: float | None = None,
    names: Sequence[str] = DIGITS,
) -> go.Figure:
    """The probability of the true digit, and of its two strongest rivals, against epsilon.

    `probabilities` [k, classes] belong to `epsilons` [k]; `current` is the epsilon shown now,
    `names` are those of the classes.
    """
    steps = np.asarray(epsilons, np.float64)
    rivals = [int(d) for d in np.argsort(-probabilities.max(axis=0), kind="stable") if d != label]
    figure = go.Figure()
    for index, digit in enumerate([label, *rivals[:2]]):
        figure.add_scatter(
            uid=f"line-{index}", x=steps, y=probabilities[:, digit], mode="lines",
            name=f"{names[digit]}, the true {noun(names)}" if digit == label else names[digit],
            line={"color": colour(index), "width": 3.5 if digit == label else 2.5,
                  "dash": ("solid", "8px,4px", "2px,4px")[index]},
            hovertemplate=f"epsilon %{{x:.3f}}<br>probability of {names[digit]}: "
            "<b>%{y:.1%}</b><extra></extra>",
        )  # fmt: skip
    lines, notes = [], []
    last = float(steps.max(initial=0.0)) or 1.0
    if current is not None:
        lines.append(upright_line(current, _dotted(QUIET), layer="below"))
        # Close to the other line its words stand on the other side, where there is room.
        crowded = fooling is not None and abs(fooling.epsilon - current) < 0.1 * last
        other = crowded and 0.15 * last < current < 0.85 * last
        notes.append(_beside(current, last, 0.3, f"now {current:.3g}", QUIET, other))
    if fooling:
        lines.append(upright_line(fooling.epsilon, _dotted(WARNING), layer="below"))
        words = f"<b>read as {names[fooling.read]} from {fooling.epsilon:.3g}</b>"
        notes.append(_beside(fooling.epsilon, last, 0.5, words, WARNING))
    lay_out(
        figure,
        height=CURVE_HEIGHT,
        title=title("Probability as the change grows"),
        margin={"t": 74},
        legend=_legend(),
        showlegend=True,
        dragmode=False,
        shapes=lines,
        annotations=notes,
        xaxis={"title": {"text": "epsilon: change of each pixel"}, "range": [0, last],
               "fixedrange": True, "tickformat": "~g"},
        yaxis={"range": [-0.02, 1.03], "tickformat": ".0%", "dtick": 0.25, "fixedrange": True},
    )  # fmt: skip
    return figure


def _padded(low: float, high: float) -> list[float]:
    air = 0.03 * (high - low)
    return [low - air, high + air]


def _dotted(tone: str) -> dict[str, Any]:
    return {"color": tone, "width": 2, "dash": "dot"}


def _note(
    x: float, y: float, text: str, *, xanchor: str, colour: str | None = None, xref: str = "x"
) -> Any:
    """Words beside a line, in the page's own colour unless another one is named."""
    return {
        "x": x,
        "y": y,
        "text": text,
        "xref": xref,
        "xanchor": xanchor,
        "xshift": 12 if xanchor == "left" else -12,
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": colour} if colour else {},
        "bgcolor": GROUND,
        "borderpad": 2,
    }


def _beside(x: float, last: float, y: float, text: str, tone: str, other_side: bool = False) -> Any:
    """Words at the emptier side of an upright line, or at the other one."""
    left = (x < 0.5 * last) != other_side
    return _note(x, y, text, xanchor="left" if left else "right", colour=tone)
