"""The paper to draw on, its tools, and the drawing as this session keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from mnist_core.drawing.stroke_history import History, Strokes
from mnist_core.drawing.strokes import (
    CANVAS_SIDE,
    INK_COLOUR,
    PAPER_COLOUR,
    SCALE,
    SIDE,
    THICKEST_PEN,
    THINNEST_PEN,
    as_canvas,
    read_strokes,
)
from pages.streamlit_compat.drawable_canvas import Eraser, complete
from pages.streamlit_compat.selectors import with_selectors
from pages.widgets.icon_button import icon_button

BOARD = "drawing_board"
NAME = "Paper to draw digits on"
TOOLS = {"pen": ":material/edit: Pen", "eraser": ":material/ink_eraser: Eraser"}
USUAL_WIDTH = 20
# Sheets of before the last uses of the eraser end that the canvas may still be drawing on.
MOST_BEFORE = 8
# Pixels on most screens.
SHOWN_SIDE = 320

STYLE = with_selectors(f"""
.st-key-sheet {{ width: min(100%, var(--paper-width, {SHOWN_SIDE}px)); aspect-ratio: 1;
  overflow: hidden; container-type: inline-size; background: {PAPER_COLOUR}; border-radius: 0.6rem;
  box-shadow: 0 0 0 1px light-dark(#d3dae3, #36414f); }}
.st-key-{BOARD}, .st-key-{BOARD} * {{ max-width: none; }}
.st-key-{BOARD} {{ width: {CANVAS_SIDE}px; height: {CANVAS_SIDE}px; flex: none;
  transform-origin: 0 0; transform: scale(tan(atan2(100cqw, {CANVAS_SIDE}px))); }}
.st-key-canvas:has(.eraser.tip) {{ --pen-cursor: cell; }}
.tip {{ display: grid; place-items: center; width: 46px; height: 46px; }}
.tip::before {{ content: ""; width: var(--width); height: var(--width); border-radius: 50%;
  background: currentColor; }}
.eraser.tip::before {{ background: none; box-shadow: inset 0 0 0 2px currentColor; }}
/* Icons alone; their names are there for screen readers. */
.st-key-drawing_tool :st(words) {{ font-size: 0; }}
.st-key-drawing_tool :st(icon) {{ font-size: 1.25rem; }}
""")


@dataclass(frozen=True)
class Sheet:
    """The drawing that the canvas was last told to show; strokes that it reports come on top."""

    number: int = 0
    strokes: Strokes = ()

    @property
    def colour(self) -> str:
        """White, of a hue that is the number.

        The canvas reports it with every drawing, so that one begun on an older sheet is known.
        """
        return f"hsl({self.number}, 0%, 100%)"


def drawing() -> Strokes:
    """The strokes of this session's drawing; it outlives the page, as widgets do not."""
    return _history().strokes


def paper(*, tools: bool = True) -> None:
    """The canvas and, below it, its tools; without `tools` a pen, and a button that clears."""
    # Importing it registers the component with the running server, which must be there.
    from streamlit_drawable_canvas import st_canvas

    if _is_new() and _sheet().strokes != drawing():
        _show(_history())
    sheet = _sheet()
    with st.container(key="canvas", gap="small"):
        place = st.container(key="sheet")
        tool, width = _tools() if tools else _clear_alone()
        with place:
            st_canvas(
                stroke_width=SCALE * width,
                stroke_color=PAPER_COLOUR if tool == "eraser" else INK_COLOUR,
                background_color=sheet.colour,
                width=CANVAS_SIDE,
                height=CANVAS_SIDE,
                initial_drawing=as_canvas(sheet.strokes),
                key=BOARD,
                on_change=_drawn,
            )
        complete(
            NAME,
            as_canvas(drawing()),
            Eraser(PAPER_COLOUR, SCALE * width, known=st.session_state.get("strokes_erased", 0)),
            new=_history().is_new,
            on_restore=_restore,
            on_erase=_erase,
        )


def _is_new() -> bool:
    """True when the browser makes a new canvas, as on another page, to show the sheet on.

    Streamlit keeps the old one's value beyond `st.switch_page`.
    """
    page = st.session_state.get("page_shown", "")
    before, st.session_state.paper_page = st.session_state.get("paper_page"), page
    return before != page or BOARD not in st.session_state


def _clear_alone() -> tuple[str, int]:
    st.button("Clear", key="clear_canvas", icon=":material/delete:", on_click=_clear)
    return "pen", USUAL_WIDTH


def _tools() -> tuple[str, int]:
    """Pen or eraser, and the stroke's width."""
    history = _history()
    with st.container(
        horizontal=True, gap="xsmall", vertical_alignment="center", key="paper_tools"
    ):
        tool = st.segmented_control(
            "Tool",
            list(TOOLS),
            default="pen",
            required=True,
            format_func=lambda tool: TOOLS[tool],
            label_visibility="collapsed",
            key="drawing_tool",
            persist_state="session",
        )
        icon_button("Undo (Ctrl+Z)", ":material/undo:", "undo", _undo, disabled=not history.past)
        icon_button("Redo (Ctrl+Y)", ":material/redo:", "redo", _redo, disabled=not history.future)
        st.button("Clear", key="clear_canvas", icon=":material/delete:", on_click=_clear)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        width = st.slider(
            "Stroke width",
            THINNEST_PEN,
            THICKEST_PEN,
            USUAL_WIDTH,
            label_visibility="collapsed",
            key="drawing_width",
            persist_state="session",
        )
        side = round(width * SHOWN_SIDE / SIDE)
        st.html(f'<span class="{tool} tip" style="--width:{side}px"></span>', width="content")
    return str(tool), int(width)


def _history() -> History:
    history: History = st.session_state.get("drawing_history", History())
    return history


def _sheet() -> Sheet:
    sheet: Sheet = st.session_state.get("drawing_sheet", Sheet())
    return sheet


def _show(history: History) -> None:
    """Have the canvas show another drawing."""
    st.session_state.drawing_history = history
    st.session_state.drawing_sheet = Sheet(_sheet().number + 1, history.strokes)


def _clear() -> None:
    _show(_history().then(()))


def _undo() -> None:
    """Callback: take back the last change, be it a stroke or that the paper was cleared."""
    _show(_history().undone())


def _redo() -> None:
    _show(_history().redone())


def _drawn() -> None:
    """Callback: the canvas reports a stroke, or that one was undone or redone."""
    sent: Any = st.session_state[BOARD].get("drawing")
    canvas = sent.get("raw") if isinstance(sent, dict) else None
    if not isinstance(canvas, dict):
        return
    background = canvas.get("background")
    before = [sheet for sheet in _before_erasing() if sheet.colour == background]
    if background == _sheet().colour:
        st.session_state.drawing_history = _history().reported(read_strokes(canvas))
    elif before:
        # Drawn before the canvas has been told what was erased.
        strokes = read_strokes(canvas)
        _keep_before_erasing(Sheet(before[0].number, strokes))
        _add(as_canvas(strokes[len(before[0].strokes) :])["objects"])
    else:
        _restore(canvas)  # drawn in a session that the server has lost


def _erase(sent: Any) -> None:
    """Add strokes of a pen's eraser end, of which some may have been sent before."""
    before, paths = (sent.get("before"), sent.get("strokes")) if isinstance(sent, dict) else (0, 0)
    if type(before) is not int or not 0 <= before <= 1_000_000 or not isinstance(paths, list):
        return
    known = st.session_state.get("strokes_erased", 0)
    st.session_state.strokes_erased = before + len(paths)
    _keep_before_erasing(Sheet(_sheet().number, drawing()))
    _add(paths[max(0, known - before) :])


def _before_erasing() -> tuple[Sheet, ...]:
    """The last sheets on which the eraser end was used, each with what the canvas drew on it."""
    sheets: tuple[Sheet, ...] = st.session_state.get("before_erasing", ())
    return sheets


def _keep_before_erasing(sheet: Sheet) -> None:
    others = [other for other in _before_erasing() if other.number != sheet.number]
    st.session_state.before_erasing = (*others, sheet)[-MOST_BEFORE:]


def _add(paths: list[Any]) -> None:
    """Have the canvas show more strokes, which come as its paths."""
    strokes = read_strokes({"objects": as_canvas(drawing())["objects"] + paths})
    history = _history()
    for count in range(len(history.strokes), len(strokes)):
        history = history.then(strokes[: count + 1])
    if history.strokes != drawing():
        _show(history)


def _restore(canvas: Any) -> None:
    """Take over a drawing from the browser, unless this session has one."""
    if _history().is_new and (strokes := read_strokes(canvas)):
        _show(History.of(strokes))
