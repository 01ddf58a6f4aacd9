"""The examples in docstrings: each says what it gives."""

from __future__ import annotations

import doctest
import re
from importlib import import_module

import pytest

from mnist_core.base.paths import REPOSITORY

MODULES = [
    ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)
    for file in sorted(REPOSITORY.glob("mnist_core/*/**/*.py"))
    if re.search(r"^ *>>> ", file.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted and not found.failed
