"""The board of a class, live: dots, curves, a table, misread digits, everyone's reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mnist_core.classrooms.board import Board, Entry
from mnist_core.classrooms.classrooms import Classroom
from mnist_core.data import mnist
from mnist_core.evaluation.compare_runs import columns as differing_columns
from mnist_core.experiment.spec import MNIST
from mnist_core.figures.classroom import Dot, dots_chart, overlaid_curves
from pages.frame import projector
from pages.session import class_services
from pages.session.errors import fragment
from pages.views.explore.class_drawing import drawing_view
from pages.views.explore.class_images import gallery, small_image
from pages.views.explore.files_compare import differing_config
from pages.widgets.escape import escaped
from pages.widgets.live_figure import live_figure

REFRESH_SECONDS = 3.0
DOTS, CURVES, TABLE, DIGITS, DRAWING = VIEWS = (
    ":material/scatter_plot: Dots",
    ":material/show_chart: Curves",
    ":material/table_rows: Table",
    ":material/psychology_alt: Misread digits",
    ":material/draw: One drawing",
)
PARAMETERS, SECONDS = "Parameters", "Seconds of training"
BEST, NEWEST = "Best run of each", "Newest run of each"
MOST_MISREAD = 12


def board_view(room: Classroom, teaches: bool = False) -> None:
    """The board; it looks again by itself."""
    with st.container(key="board_bar", horizontal=True, vertical_alignment="center"):
        chosen = st.segmented_control(
            "Board",
            VIEWS,
            default=DOTS,
            required=True,
            key="board_view",
            label_visibility="collapsed",
            persist_state="session",
        )
        if chosen != DRAWING and not projector.is_on():
            _choices(room, str(chosen))
    if chosen == DRAWING:
        drawing_view(room, teaches)
    else:
        fragment(_live, run_every=REFRESH_SECONDS)(room.id, str(chosen), teaches)


def _choices(room: Classroom, chosen: str) -> None:
    """Choose the run of each pupil, and the axis below the dots."""
    st.selectbox("Runs", [BEST, NEWEST], key="board_each", width=200, persist_state="session",
                 label_visibility="collapsed")  # fmt: skip
    if chosen == DOTS:
        choices = _scales(_each(class_services.board_of(room)))
        if st.session_state.get("board_x") not in choices:
            st.session_state.board_x = PARAMETERS
        st.selectbox("Against", choices, key="board_x", width=200, persist_state="session",
                     label_visibility="collapsed")  # fmt: skip


def _scales(each: Sequence[Entry]) -> dict[str, Sequence[Any]]:
    """The scales that accuracy can be drawn against, with each run's value."""
    apart = differing_columns([entry.experiment for entry in each])
    numbers = {name: found for name, found in apart.items() if all(map(_is_number, found))}
    return {
        PARAMETERS: [entry.parameters for entry in each],
        SECONDS: [entry.seconds for entry in each],
        **numbers,
    }


def _live(room_id: str, chosen: str, teaches: bool) -> None:
    room = class_services.still(room_id, teaches)
    if room is None:
        st.rerun()
        return
    board = class_services.board_of(room)
    _head(board)
    if not board.entries:
        st.info("Nobody has trained yet: each dot will be one pupil's network.",
                icon=":material/hourglass_top:")  # fmt: skip
        return
    show: dict[str, Callable[[Board, list[Entry]], None]] = {
        DOTS: _dots,
        CURVES: _curves,
        TABLE: _table,
        DIGITS: _digits,
    }
    show[chosen](board, _each(board))


def _head(board: Board) -> None:
    """The head of the board: how many are there, how many train, and who leads."""
    newest = board.newest()
    trains = sum(entry.status in ("queued", "running") for entry in newest)
    pupils = len(board.nicknames)
    words = f"{pupils} {'pupil' if pupils == 1 else 'pupils'}"
    words += f", {len(newest)} with a network, {trains} training or waiting"
    best = next(iter(board.best()), None)
    if best is not None and best.accuracy is not None and not best.broken:
        words += f" · best: **{escaped(best.nickname)}**, {best.accuracy:.2%}"
        words += "" if best.final else " on validation images"
    if board.classroom.rules:
        words = f":material/flag: Challenge: {board.classroom.rules.words()}. {words}"
    with st.container(key="board_head"):
        st.markdown(words)


def _each(board: Board) -> list[Entry]:
    """One run of each pupil, as chosen."""
    kind = st.session_state.get("board_each", BEST)
    return board.newest() if kind == NEWEST else board.best()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _dots(board: Board, each: list[Entry]) -> None:
    shown = [entry for entry in each if entry.accuracy is not None]
    if not shown:
        st.caption("The first dot comes after the first epoch.")
        return
    values, what = _scales(shown), str(st.session_state.get("board_x", PARAMETERS))
    what = what if what in values else PARAMETERS
    rules = board.classroom.rules
    limit = {PARAMETERS: rules.most_parameters, SECONDS: rules.most_seconds}.get(what)
    dots = [
        Dot(entry.nickname, float(x), entry.accuracy or 0.0, _about(entry),
            not entry.broken, entry.active)
        for entry, x in zip(shown, values[what], strict=True)
    ]  # fmt: skip
    live_figure(dots_chart(dots, what, limit=limit), "board_dots",
                f"Accuracy against {what.lower()}, a dot for each pupil")  # fmt: skip
    if any(entry.broken for entry in shown):
        st.caption("A grey cross breaks a rule of the challenge.")


def _about(entry: Entry) -> str:
    known = "on test images" if entry.final else "on validation images"
    words = f"{entry.accuracy or 0:.2%} {known}, {entry.parameters:,} parameters, "
    words += f"{entry.seconds:.1f} s"
    return f"{words}; breaks a rule: {entry.broken}" if entry.broken else words


def _curves(board: Board, each: list[Entry]) -> None:
    found = class_services.curves_of(each)
    live_figure(
        overlaid_curves(found), "board_curves", "Accuracy of each pupil's run over its steps"
    )


def _table(board: Board, each: list[Entry]) -> None:
    apart = differing_columns([entry.experiment for entry in each])
    waiting = [name for name in board.nicknames if name not in {e.nickname for e in each}]
    columns = {
        "Pupil": [entry.nickname for entry in each],
        "Accuracy": [entry.accuracy for entry in each],
        "Status": [entry.status for entry in each],
        "Parameters": [entry.parameters for entry in each],
        "Seconds": [entry.seconds for entry in each],
        "Breaks a rule": [entry.broken or None for entry in each],
        **apart,
    }
    if not any(columns["Breaks a rule"]):
        del columns["Breaks a rule"]
    st.dataframe(
        columns,
        hide_index=True,
        key="board_table",
        height="auto" if len(each) <= 12 else 480,
        placeholder="–",
        alt="A row for each pupil: accuracy, size and what differs",
        column_config={
            "Pupil": st.column_config.TextColumn(pinned=True),
            "Accuracy": st.column_config.NumberColumn(format="percent"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
            "Seconds": st.column_config.NumberColumn(format="%.1f"),
        }
        | differing_config(apart),
    )
    if waiting:
        st.caption("No network yet: " + ", ".join(escaped(name) for name in waiting))


def _digits(board: Board, each: list[Entry]) -> None:
    found = class_services.misread_most(board.classroom, each)[:MOST_MISREAD]
    if not found:
        st.info("Which test digits most networks misread shows once two runs have ended.",
                icon=":material/psychology_alt:")  # fmt: skip
        return
    test = mnist.load()
    ended = sum(entry.final and entry.experiment.data == MNIST for entry in each)
    st.caption(f"Of the 10,000 test digits, those that most of the {ended} networks misread.")
    figures = []
    for item in found:
        label = int(test.y_test[item.image])
        read = ", ".join(f"{digit} ({count})" for digit, count in item.read[:3])
        figures.append(
            small_image(test.x_test[item.image], f"A test digit: {label}",
                        f"<b>a {label}</b><br>misread by {item.networks}<br>as {read}")
        )  # fmt: skip
    st.html(gallery(figures))
