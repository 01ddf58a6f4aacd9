"""What the app is made of: pinned, its licences listed, nothing that reports home."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mnist_core.base import packages
from mnist_core.base.paths import REPOSITORY
from tests.support import licences

CONSTRAINTS = REPOSITORY / "constraints.txt"
FILES = [REPOSITORY / "requirements.txt", REPOSITORY / "requirements-dev.txt", CONSTRAINTS]
OURS = {"mnist_core", "pages", "benchmarks", "tests"}


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(each.name) for each in requirements}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_line_is_pinned_to_one_version(file):
    found = packages.pinned(file, everywhere=True)
    assert len(found) > 5
    assert [str(each) for each in found if packages.version(each) is None] == []


def test_a_loose_requirement_is_not_pinned():
    for loose in ("a", "a>=1", "a==1.*", "a>=1,<2"):
        assert packages.version(Requirement(loose)) is None


def test_what_the_packages_bring_along_is_pinned_too():
    direct = packages.pinned(everywhere=True)
    pinned = names(packages.pinned(CONSTRAINTS, everywhere=True))
    # The tools that pip itself installs with are no part of the app.
    needed = set(licences.brought_along(direct)) - {"setuptools", "wheel", "pip"}
    assert len(needed) > 50 and needed - pinned == set()


def test_what_the_code_imports_is_pinned():
    providers = metadata.packages_distributions()
    pinned = names([each for file in FILES for each in packages.pinned(file, everywhere=True)])
    imported: set[str] = set()
    for file in [REPOSITORY / "app.py", *REPOSITORY.glob("mnist_core/**/*.py"),
                 *REPOSITORY.glob("pages/**/*.py")]:  # fmt: skip
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    outside = imported - set(sys.stdlib_module_names) - OURS
    assert {"streamlit", "numpy", "keras"} <= outside
    lacking = {
        name for name in outside
        if not {canonicalize_name(each) for each in providers.get(name, [])} & pinned
    }  # fmt: skip
    assert lacking == set()


def test_the_list_names_the_licence_of_each_package():
    text = licences.LIST.read_text("utf-8")
    listed = text[text.index(licences.BEGIN) : text.index(licences.END)]
    for each in packages.pinned(everywhere=True):
        terms = licences.licence(licences._present(each.name))
        assert f"| {each.name} | {terms}" in listed
    along = licences.brought_along(packages.pinned(everywhere=True))
    words = set(re.findall(r"[\w.-]*\w", listed))
    assert [name for name in along if name not in words] == []
    assert licences.UNKNOWN not in words


def test_streamlit_reports_nothing_and_checks_where_requests_come_from():
    """As a server started in this folder sees its settings."""
    code = (
        "from streamlit import config; "
        "print(*(config.get_option(name) for name in "
        "('browser.gatherUsageStats', 'server.enableXsrfProtection', 'server.enableCORS', "
        "'server.enableAgentApi', 'global.developmentMode')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-5:] == ["False", "True", "True", "False", "False"]


def test_nothing_reaches_out_when_everything_is_imported_and_the_core_needs_no_streamlit():
    """Every module of ours and what it imports, with each way out of this machine closed."""
    code = """
import pkgutil, socket, sys
from importlib import import_module

def refuse(*address, **more):
    sys.exit(f"reached out: {address}")

socket.getaddrinfo = socket.socket.connect = socket.create_connection = refuse
import mnist_core
for found in pkgutil.walk_packages(mnist_core.__path__, "mnist_core."):
    if not found.name.endswith("__main__"):
        import_module(found.name)
assert "streamlit" not in sys.modules
for name in ("streamlit", "keras", "onnxruntime", "tf2onnx", "openTSNE", "plotly.io"):
    import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=REPOSITORY,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
