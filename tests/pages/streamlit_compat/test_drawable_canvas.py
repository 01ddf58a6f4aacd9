"""The names that the script uses of streamlit-drawable-canvas, and whether it is still needed."""

from __future__ import annotations

import ast
import re
from importlib import metadata

from pages.streamlit_compat import drawable_canvas

FILES = metadata.files("streamlit-drawable-canvas") or []
SCRIPT = "".join(file.read_text() for file in FILES if file.suffix == ".js")
PYTHON = next(file for file in FILES if file.name == "__init__.py").read_text()


def test_the_component_has_what_the_script_presses_and_styles():
    send = re.search(r'const SEND = "(.*)"', drawable_canvas._JS)
    assert send and send[1] in SCRIPT
    for label in ("Undo", "Redo"):
        assert f'"{label}"' in SCRIPT
    for name in ("dc-canvas", "dc-background-canvas", "dc-toolbar"):
        assert name in drawable_canvas._JS and name in SCRIPT
    for name in ("upper", "lower"):
        assert f"{name}-canvas" in drawable_canvas._JS and f'"{name}"' in SCRIPT


def test_the_component_cannot_be_told_to_send_at_once():
    """Once it can, or has a name for screen readers, the part of the script for it can go."""
    functions = [node for node in ast.walk(ast.parse(PYTHON)) if isinstance(node, ast.FunctionDef)]
    (canvas,) = (node for node in functions if node.name == "st_canvas")
    taken = {argument.arg for argument in (*canvas.args.args, *canvas.args.kwonlyargs)}
    assert "update_streamlit" in taken
    assert not {name for name in taken if re.search("wait|delay|debounce|aria|accessible", name)}


def test_the_component_does_not_know_a_pen_s_eraser_end():
    """Once it asks for a pen or its fifth button, the part of the script for it can go."""
    assert not re.search(r"""button\s*===?\s*5\b|buttons\s*&\s*32|["']pen["']""", SCRIPT)
