"""Which room may import what: as docs/architecture.md says, in its diagram and its table."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import mnist_core
from mnist_core.engine.engine import REPOSITORY

MODULES = [found.name for found in pkgutil.walk_packages(mnist_core.__path__, prefix="mnist_core.")]
# What a page's first paint, or an outside tool, imports.
LIGHT = ["mnist_core", *(f"mnist_core.{name}" for name in (
    "spec", "presets", "dataset", "store", "engine", "worker", "training", "drawing",
    "default_model", "advice", "script", "figures.curves", "figures.architecture", "smallnet",
    "recorded", "figures.lesson_cards", "figures.diagram", "figures.pixels", "inside.edits",
))]  # fmt: skip
TEXT = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")


def imported_by(*modules: str) -> set[str]:
    code = (
        f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@cache
def sources() -> dict[str, Path]:
    """Each module of the app, as "pages/shared/state" or "mnist_core/inspection", and its file."""
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
    """Where `from module import name` leads; names of `mnist_core` itself come from its rooms."""
    if module == "mnist_core" and name in mnist_core._LATER:
        return f"mnist_core.{mnist_core._LATER[name]}"
    inner = f"{module}.{name}"
    return inner if inner.replace(".", "/") in sources() else module


@cache
def rooms() -> dict[str, str]:
    """Each module's room, from the table: the longest entry that covers it counts."""
    rows = re.findall(r"^\| \*\*(\w+)\*\* \|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE)
    entries = {entry: room for room, cell in rows for entry in re.findall(r"`([^`]+)`", cell)}
    covered: dict[str, str] = {}
    used: set[str] = set()
    for module in sources():
        path = module.removeprefix("mnist_core/")
        folders = [entry for entry in entries if entry.endswith("/")]
        fitting = [path] if path in entries else []
        fitting += [folder for folder in folders if f"{path}/".startswith(folder)]
        assert fitting, f"docs/architecture.md gives {module} no room"
        entry = max(fitting, key=len)
        used.add(entry)
        covered[module] = entries[entry]
    assert entries.keys() == used, f"Nothing is there: {entries.keys() - used}"
    return covered


def arrows() -> set[tuple[str, str]]:
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", TEXT, re.DOTALL)
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", diagram, re.MULTILINE))
    assert len(drawn) == diagram.count("-->")
    return drawn


def reachable(start: str, ways: set[tuple[str, str]]) -> set[str]:
    seen: set[str] = set()
    following = {end for begin, end in ways if begin == start}
    while following - seen:
        seen |= following
        following = {end for begin, end in ways if begin in seen}
    return seen


def used_rooms() -> dict[tuple[str, str], str]:
    """Each pair of rooms of which one imports the other, with an example."""
    return {
        (rooms()[module], rooms()[other]): f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if rooms()[module] != rooms()[other]
    }


def test_the_core_never_imports_streamlit() -> None:
    assert len(MODULES) > 20
    assert "streamlit" not in imported_by(*MODULES)


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


def test_imports_go_only_along_the_arrows_of_the_diagram() -> None:
    drawn = arrows()
    wrong = [
        example
        for (room, other), example in used_rooms().items()
        if other not in reachable(room, drawn)
    ]
    assert wrong == []


def test_no_arrow_is_too_many_and_none_leads_back() -> None:
    """Each arrow is an import, and none says what others say already."""
    drawn = arrows()
    assert {room for arrow in drawn for room in arrow} == set(rooms().values())
    assert drawn - used_rooms().keys() == set()
    assert [a for a in drawn if a[1] in reachable(a[0], drawn - {a})] == []
    assert [room for room in rooms().values() if room in reachable(room, drawn)] == []


def test_a_pages_parts_are_its_own() -> None:
    """What two pages need is in the room `shared`."""
    own = {m: m.split("/")[2] for m, room in rooms().items() if room == "parts"}
    assert len(set(own.values())) >= 4
    lent = [
        f"{module} imports {other}"
        for module, folder in own.items()
        for other in imports()[module]
        if own.get(other, folder) != folder
    ]
    assert lent == []
