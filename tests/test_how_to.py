"""The worked examples of a layer type and a schedule, followed in a copy of the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_core.base.paths import REPOSITORY


def examples(name: str) -> list[str]:
    """The Python of a how-to, block by block."""
    text = (REPOSITORY / "docs/how-to" / f"{name}.md").read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def insert(file: Path, *changes: tuple[str, Callable[[re.Match[str]], str]]) -> None:
    """Replace what each pattern finds, which is one place, by what its function makes of it."""
    text = file.read_text("utf-8")
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        assert count == 1, f"{pattern} stands {count} times in {file.name}"
    file.write_text(text, "utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the app that may be changed; its data are the repository's own."""
    for folder in ("mnist_core", "pages"):
        shutil.copytree(
            REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for folder in ("data", "models"):
        (tmp_path / folder).symlink_to(REPOSITORY / folder)
    return tmp_path


def test_a_layer_type_and_a_schedule_are_added_as_the_how_to_says(copy: Path, home: Path) -> None:
    layer, member, row, taker = examples("add-a-layer-type")
    function, record = examples("add-an-optimiser-or-activation")[-2:]
    insert(
        copy / "mnist_core/experiment/layers.py",
        (r"^_Type = \($", lambda found: f"{layer}\n\n{found[0]}"),
        (r"^    \| UnitNorm$", lambda found: f"{found[0]}\n{member.rstrip()}"),
    )
    insert(
        copy / "mnist_core/files/model_import/keras_layers.py",
        (r' "GaussianNoise",', lambda _: ""),
        (r"^_TAKERS: .*$", lambda found: f"{taker}\n\n{found[0]}\n{row.rstrip()}"),
    )
    insert(
        copy / "mnist_core/experiment/schedules.py",
        (r'"one_cycle"\]', lambda _: '"one_cycle", "linear"]'),
        (r"^SCHEDULES: .*$", lambda found: f"{function}\n\n{found[0]}\n    **{record.strip()},"),
    )
    done = subprocess.run(
        [sys.executable, shutil.copy(REPOSITORY / "tests/support/added_layer.py", copy)],
        check=False, cwd=copy, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
