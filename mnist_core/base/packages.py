"""The Python packages that MNIST Lab is pinned to, and those that are installed."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from mnist_core.base.paths import REPOSITORY

# TensorFlow has one package for each kind of computer; any of them will do.
ALIKE = {"tensorflow-cpu": "tensorflow", "tensorflow": "tensorflow-cpu"}


def pinned(
    file: Path = REPOSITORY / "requirements.txt", everywhere: bool = False
) -> list[Requirement]:
    """The requirements of a file that apply to this computer, or with `everywhere` all of them."""
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [each for each in found if everywhere or each.marker is None or each.marker.evaluate()]


def version(requirement: Requirement) -> str | None:
    """The one that `requirement` asks for, without "=="; None when it is not pinned."""
    exact = [each.version for each in requirement.specifier if each.operator == "=="]
    return exact[0] if len(exact) == 1 and "*" not in exact[0] else None


def installed(name: str) -> str | None:
    """The installed version of a package, or of one that does in its place; None without."""
    for candidate in (name, ALIKE.get(name)):
        if candidate is not None:
            try:
                return metadata.version(candidate)
            except metadata.PackageNotFoundError:
                continue
    return None
