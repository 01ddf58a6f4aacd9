"""Which folder may import what: as the table in docs/architecture.md says."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import mnist_core
from mnist_core.base.paths import REPOSITORY

# What a page's first paint, or an outside tool, imports.
LIGHT = ["mnist_core", *(f"mnist_core.{name}" for name in (
    "experiment.spec", "experiment.presets", "data.mnist", "storage.store", "engine.engine",
    "engine.worker", "training.loop", "drawing.reader", "drawing.pretrained", "evaluation.advice",
    "model.keras_script", "figures.curves", "figures.architecture", "lesson.numpy_net",
    "lesson.recordings", "figures.lesson.cards", "figures.diagram", "figures.pixels",
    "inspection.interventions",
))]  # fmt: skip
TEXT = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
# The package's own names, which are imported from where they are defined; and the command line.
ENTRIES = {"mnist_core", "mnist_core/__main__"}


def imported_by(*modules: str) -> set[str]:
    code = (
        f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@cache
def sources() -> dict[str, Path]:
    """Each module of the app, as "pages/session/services" or "mnist_core/files", and its file."""
    files = [REPOSITORY / "app.py", *REPOSITORY.glob("pages/**/*.py")]
    files += REPOSITORY.glob("mnist_core/**/*.py")
    names = {file: file.relative_to(REPOSITORY).with_suffix("").as_posix() for file in files}
    return {name.removesuffix("/__init__"): file for file, name in names.items()}


@cache
def imports() -> dict[str, set[str]]:
    """For each module, which of ours it imports, wherever in its file."""
    return {name: _imports(file) - {name} for name, file in sources().items()}


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{file} has a relative import"
            found |= {_origin(node.module, alias.name) for alias in node.names}
    return {name.replace(".", "/") for name in found} & sources().keys()


def _origin(module: str, name: str) -> str:
    """Where `from module import name` leads; names of `mnist_core` itself come from its folders."""
    if module == "mnist_core" and name in mnist_core._LATER:
        return f"mnist_core.{mnist_core._LATER[name]}"
    inner = f"{module}.{name}"
    return inner if inner.replace(".", "/") in sources() else module


@cache
def floors() -> dict[str, int]:
    """The floor of each folder, from the table."""
    rows = re.findall(r"^\| (\d+) \| `([\w/.]+)` \|", TEXT, re.MULTILINE)
    return {folder: int(floor) for floor, folder in rows}


def folder_of(module: str) -> str:
    """The folder of the table that holds this module: the longest that fits."""
    path = "app.py" if module == "app" else f"{module}/"
    (folder,) = sorted((name for name in floors() if path.startswith(name)), key=len)[-1:] or [""]
    return folder


def test_the_light_modules_do_not_load_tensorflow() -> None:
    assert not {"tensorflow", "keras"} & imported_by(*LIGHT)


def test_the_first_screen_waits_for_neither_engine_nor_store() -> None:
    source = ast.parse((REPOSITORY / "app.py").read_text())
    names = [
        f"{found.module}.{name.name}"
        for found in source.body
        if isinstance(found, ast.ImportFrom)
        for name in found.names
    ]
    assert "pages.frame.topbar" in names
    assert not {"distributed", "sqlalchemy"} & imported_by(*names)


def test_each_folder_has_its_floor() -> None:
    held = {module: folder_of(module) for module in sources().keys() - ENTRIES}
    assert [module for module, folder in held.items() if not folder] == []
    assert set(held.values()) == floors().keys()


def test_a_folder_imports_lower_floors_alone() -> None:
    """So that none imports one beside it: a page's views, for example, are its own."""
    wrong = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if module not in ENTRIES
        if folder_of(module) != folder_of(other)
        if floors()[folder_of(other)] >= floors()[folder_of(module)]
    ]
    assert wrong == []


def test_no_two_files_import_each_other() -> None:
    graph = {module: others for module, others in imports().items() if module not in ENTRIES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the files
