"""The columns of the table of runs, and the order of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mnist_core.evaluation.compare_runs import columns as differing_columns
from mnist_core.evaluation.compare_runs import layers_in_short
from mnist_core.storage.store import Run
from pages.views.explore.files_compare import differing_config

# What matters before all other settings, where runs differ in it.
FIRST = ("Optimiser", "Learning rate")
# More columns than these would push what a person wrote off the screen.
MOST_DIFFERENCES = 8
# Points of the small curve: more would not be told apart.
POINTS = 40

Curves = Mapping[str, Sequence[float]]
NEWEST = "Newest"
# How rows are ordered, and whether the largest comes first.
ORDERS: dict[str, bool] = {
    NEWEST: True,
    "Name": False,
    "Status": False,
    "Validation": True,
    "Test": True,
    "Learning rate": False,
    "Parameters": False,
    "Time": False,
}


def in_order(runs: Sequence[Run], curves: Curves, order: str) -> list[Run]:
    """The runs by what `order` names; those that lack it come last, in their usual order."""
    if order == NEWEST:
        return list(runs)

    def value(run: Run) -> Any:
        return {
            "Name": run.name.casefold(),
            "Status": run.status,
            "Validation": max(curves.get(run.id, ()), default=None),
            "Test": run.test_accuracy,
            "Learning rate": run.experiment.training.learning_rate,
            "Parameters": _parameters(run),
            "Time": run.seconds or None,
        }[order]

    known = [run for run in runs if value(run) is not None]
    return sorted(known, key=value, reverse=ORDERS[order]) + [
        run for run in runs if value(run) is None
    ]


def table(
    runs: Sequence[Run], curves: Curves
) -> tuple[dict[str, Sequence[Any]], dict[str, Any], int]:
    """The columns, how each is shown, and in how many settings the runs differ.

    What differs and matters comes first: optimiser and learning rate, result, time, curve, layers.
    """
    apart = {
        name: values
        for name, values in differing_columns([run.experiment for run in runs]).items()
        if not name.startswith("Layer ")
    }
    count = len(apart)
    first = {name: apart.pop(name) for name in FIRST if name in apart}
    rest = dict(list(apart.items())[: MOST_DIFFERENCES - len(first)])
    layers = [layers_in_short(run.experiment.network) for run in runs]
    columns: dict[str, Sequence[Any]] = {
        "Name": [run.name for run in runs],
        "Status": [run.status for run in runs],
        **first,
        "Validation": [max(curves.get(run.id, ()), default=None) for run in runs],
        "Test": [run.test_accuracy for run in runs],
        "Time": [run.seconds or None for run in runs],
        "Curve": [_thinned(curves.get(run.id, ())) for run in runs],
        "Layers": layers,
        **rest,
        "Parameters": [_parameters(run) for run in runs],
        "Epochs": [run.epoch for run in runs],
        "Preset": [run.preset for run in runs],
        "Tags": [list(run.tags) for run in runs],
        "Note": [run.note or None for run in runs],
        "Started": [run.created for run in runs],
    }
    for name in ("Validation", "Test", "Time", "Curve", "Preset", "Tags", "Note"):
        if not any(columns[name]):
            del columns[name]
    if len(set(layers)) == 1 and len(runs) > 1:
        del columns["Layers"]
    return columns, _CONFIG | differing_config(first | rest), count


def _parameters(run: Run) -> int:
    return run.parameters or run.experiment.network.parameters


def _thinned(curve: Sequence[float]) -> list[float] | None:
    """At most `POINTS` of it, the last among them; a single point makes no line."""
    if len(curve) < 2:
        return None
    step = -(-len(curve) // POINTS)
    return [*curve[:-1:step], curve[-1]]


_CONFIG = {
    "Name": st.column_config.TextColumn(pinned=True, width="medium"),
    "Validation": st.column_config.NumberColumn(
        format="percent", help="The best accuracy on the validation images after any epoch."
    ),
    "Test": st.column_config.NumberColumn(
        format="percent", help="Accuracy on the test images, measured once at the end."
    ),
    "Time": st.column_config.NumberColumn(format="%.1f s", help="Seconds of training."),
    "Curve": st.column_config.LineChartColumn(
        help="Validation accuracy after each epoch.", width="small"
    ),
    "Layers": st.column_config.TextColumn(help="Without flatten layers.", width=240),
    "Parameters": st.column_config.NumberColumn(format="localized"),
    "Tags": st.column_config.ListColumn(),
    "Started": st.column_config.DatetimeColumn(format="distance"),
}
