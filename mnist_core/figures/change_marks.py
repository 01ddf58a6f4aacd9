"""Marks on a run's curves where its settings were changed in mid-run."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_core.figures.template import GROUND, QUIET, TEXT_SIZE, upright_line

LONGEST = 34  # characters of a note; the whole is told when it is pointed at
ROWS = 4  # of notes below one another, before they begin again at the top

Changes = Sequence[tuple[int, str]]


def change_lines(runs: Sequence[Changes]) -> list[dict[str, Any]]:
    """A vertical line after each step at which a run was changed, as Plotly's shapes."""
    return [
        upright_line(step, {"color": QUIET, "width": 1.5, "dash": "dash"})
        for changes in runs
        for step, _ in changes
    ]


def change_words(
    runs: Sequence[tuple[npt.ArrayLike, Changes]], below: bool = False
) -> list[dict[str, Any]]:
    """The changes in words, on the lines' emptier sides, as Plotly's annotations.

    Each run comes with the steps of its curve. `below`: at the foot, for curves that rise.
    """
    return [
        _note(step, words, place, int(np.max(steps, initial=1)), below)
        for steps, changes in runs
        for place, (step, words) in enumerate(changes)
    ]


def _note(step: int, words: str, place: int, last: int, below: bool) -> dict[str, Any]:
    right, row = step < 0.6 * last, 0.11 * (place % ROWS)
    short = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return {
        "text": html.escape(short),
        "hovertext": html.escape(f"From step {step + 1:,} on: {words}"),
        "x": step,
        "xanchor": "left" if right else "right",
        "xshift": 4 if right else -4,
        "yref": "paper",
        "y": 0.02 + row if below else 0.98 - row,
        "yanchor": "bottom" if below else "top",
        "showarrow": False,
        "font": {"size": TEXT_SIZE - 2, "color": QUIET},
        "bgcolor": GROUND,
    }
