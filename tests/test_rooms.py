"""Which room may import what: the core is free of Streamlit, and starts without TensorFlow."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import mnist_core

MODULES = [found.name for found in pkgutil.walk_packages(mnist_core.__path__, prefix="mnist_core.")]
# What a page's first paint, or an outside tool, imports.
LIGHT = ["mnist_core", *(f"mnist_core.{name}" for name in (
    "spec", "presets", "dataset", "store", "engine", "worker", "training", "drawing",
    "default_model", "advice", "script", "figures.curves", "figures.architecture", "smallnet",
    "recorded", "figures.lesson_cards", "figures.diagram", "figures.pixels", "inside.edits",
))]  # fmt: skip


def imported_by(*modules: str) -> set[str]:
    code = (
        f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_core_never_imports_streamlit() -> None:
    assert len(MODULES) > 20
    assert "streamlit" not in imported_by(*MODULES)


def test_the_light_modules_do_not_load_tensorflow() -> None:
    assert not {"tensorflow", "keras"} & imported_by(*LIGHT)
