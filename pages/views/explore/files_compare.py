"""Several runs from files side by side: a table, and their curves overlaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mnist_core.evaluation.compare_runs import columns as differing_columns
from mnist_core.figures.curves import accuracy_chart, loss_chart
from mnist_core.files.runfile import RunFile
from pages.widgets.live_figure import live_figure
from pages.widgets.run_curves import opened_curves

MOST_CURVES = 6
SMOOTHING = 0.9
ROWS_HIGH = 420
# Of a column of text, in pixels.
NARROWEST, WIDEST = 90, 300


def comparison(runs: Sequence[tuple[str, RunFile]]) -> list[int]:
    """Show the runs by file name; returns the places of those that are chosen in the table."""
    st.caption("Select rows to overlay their curves, or to keep only those.")
    apart = differing_columns([run.experiment for _, run in runs])
    picked = st.dataframe(
        _columns(runs) | apart,
        hide_index=True,
        key="opened_table",
        on_select="rerun",
        selection_mode="multi-row",
        height=min(ROWS_HIGH, 44 + 38 * len(runs)),
        placeholder="–",
        column_config={
            "Test accuracy": st.column_config.NumberColumn(format="percent"),
            "Validation accuracy": st.column_config.NumberColumn(format="percent"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
            "Seconds": st.column_config.NumberColumn(format="%.0f"),
        }
        | differing_config(apart),
    )
    chosen = [row for row in picked["selection"]["rows"] if row < len(runs)]
    with_curves = [runs[row] for row in chosen or range(len(runs)) if len(runs[row][1].loss)]
    if with_curves:
        _charts(with_curves)
    return chosen


def differing_config(apart: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The form of the columns of settings that differ: 0.0001, not 0; layers in full."""
    return {
        name: st.column_config.TextColumn(width=_text_width(values))
        if any(isinstance(value, str) for value in values)
        else st.column_config.NumberColumn(format="%.6g")
        for name, values in apart.items()
    }


def _text_width(values: Sequence[Any]) -> int:
    """Pixels for the longest text; left alone, the table cuts what stands in few of its rows."""
    longest = max(len(str(value)) for value in values)
    return min(WIDEST, max(NARROWEST, 20 + 7 * longest))


def _columns(runs: Sequence[tuple[str, RunFile]]) -> dict[str, list[object]]:
    facts = [run.facts for _, run in runs]
    last = [fact.epochs[-1].val_accuracy if fact.epochs else None for fact in facts]
    columns: dict[str, list[object]] = {
        "Who": [fact.author or None for fact in facts],
        "Run": [fact.name for fact in facts],
        "File": [name for name, _ in runs],
        "Test accuracy": [fact.test_accuracy for fact in facts],
        "Validation accuracy": list(last),
        "Epochs": [fact.epoch for fact in facts],
        "Parameters": [run.experiment.network.parameters for _, run in runs],
        "Seconds": [fact.seconds for fact in facts],
    }
    if not any(fact.author for fact in facts):
        del columns["Who"]
    return columns


def _charts(runs: Sequence[tuple[str, RunFile]]) -> None:
    if len(runs) > MOST_CURVES:
        st.caption(f"The curves of the first {MOST_CURVES}; choose others in the table.")
    shown = [run for _, run in runs[:MOST_CURVES]]
    names = _short_names(shown)
    curves = [opened_curves(run, name) for run, name in zip(shown, names, strict=True)]
    for draw, name in ((accuracy_chart, "Accuracy"), (loss_chart, "Loss")):
        figure = draw(curves, smoothing=SMOOTHING, uirevision="opened")
        live_figure(figure, f"opened_{name.lower()}", f"{name} of each run over its steps")


def _short_names(runs: Sequence[RunFile]) -> list[str]:
    """Their names in the legend: who made them, and where that is not enough the run's name."""
    authors = [run.facts.author for run in runs]
    if all(authors) and len(set(authors)) == len(authors):
        return authors
    return [
        f"{run.facts.author}: {run.facts.name}" if run.facts.author else run.facts.name
        for run in runs
    ]
