"""The licences of what `requirements.txt` installs, as a list for docs/licences.md.

`make licences` writes it there again, from what the
installed packages say of themselves.
"""

from __future__ import annotations

import re
from collections import defaultdict
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mnist_core.base import packages
from mnist_core.base.paths import REPOSITORY

LIST = REPOSITORY / "docs" / "licences.md"
BEGIN, END = "<!-- made by: make licences -->", "<!-- end of what is made -->"
UNKNOWN = "unknown"

# What packages write, where it is no SPDX expression. Longer names first.
_SPDX = {
    "Mozilla Public License 2.0": "MPL-2.0",
    "3-Clause BSD": "BSD-3-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
}
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
# What the licence of a package leaves out: its wheels hold libraries under other terms.
WHEELS = {
    "pillow-heif": "its wheels GPL-2.0, for the x265 library in them",
    "psycopg": "its binary part holds OpenSSL (Apache-2.0) and PostgreSQL's client library",
}


def licence(name: str) -> str:
    """The licence that an installed package names, in SPDX's words where it can be told."""
    about = metadata.metadata(name)
    expression, text = (
        "".join(about.get_all(key) or []).strip() for key in ("License-Expression", "License")
    )
    if expression or (text and _EXPRESSION.fullmatch(text)):
        return expression or text
    said = [line.rpartition("::")[2] for line in about.get_all("Classifier") or []
            if line.startswith("License ::")]  # fmt: skip
    for words in (text.partition("\n")[0], *said, _licence_file(name)):
        for written, spdx in _SPDX.items():
            if written.lower() in words.lower():
                return spdx
    return UNKNOWN


def _licence_file(name: str) -> str:
    """The beginning of the licence that comes with a package, on one line."""
    for file in metadata.files(name) or []:
        if "licen" in file.name.lower() and (path := Path(str(file.locate()))).is_file():
            return " ".join(path.read_text("utf-8", errors="replace")[:600].split())
    return ""


def brought_along(direct: list[Requirement]) -> list[str]:
    """The names of all that the packages need in turn, on this computer."""
    found: set[str] = set()
    names = {canonicalize_name(each.name) for each in direct}
    waiting = [(each.name, each.extras) for each in direct]
    while waiting:
        name, extras = waiting.pop()
        if packages.installed(name) is None:
            continue
        for line in metadata.requires(_present(name)) or []:
            need = Requirement(line)
            key = canonicalize_name(need.name)
            if key not in found and key not in names and _applies(need, extras):
                found.add(key)
                waiting.append((need.name, need.extras))
    return sorted(name for name in found if packages.installed(name) is not None)


def _applies(need: Requirement, extras: set[str]) -> bool:
    return need.marker is None or any(
        need.marker.evaluate({"extra": extra}) for extra in (*extras, "")
    )


def _present(name: str) -> str:
    """The installed package of this name, or the one in its place."""
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return packages.ALIKE[name]
    return name


def section() -> str:
    """The list in Markdown: each direct dependency, then the others by licence."""
    direct = packages.pinned(everywhere=True)
    rows = ["| package | licence |", "| --- | --- |"]
    for each in direct:
        terms = licence(_present(each.name))
        more = WHEELS.get(each.name)
        rows.append(f"| {each.name} | {terms}{f'; {more}' if more else ''} |")
    groups = defaultdict(list)
    for name in brought_along(direct):
        groups[licence(name)].append(name)
    lines = [f"- {terms}: {', '.join(names)}." for terms, names in sorted(groups.items())]
    parts = ["\n".join(rows), "These bring along, on Linux:", "\n".join(lines)]
    return "\n\n".join([BEGIN, *parts, END])


def write(file: Path = LIST) -> None:
    """Put the list in its place in `file`, between `BEGIN` and `END`."""
    before, _, rest = file.read_text("utf-8").partition(BEGIN)
    file.write_text(before + section() + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    write()
