"""Streamlit's page still has the elements that our style sheets and scripts name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit

from mnist_core.base.paths import REPOSITORY
from pages.streamlit_compat.selectors import SELECTORS, with_selectors

SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Every quoted word in Streamlit's own scripts."""
    found: set[str] = set()
    for file in SCRIPTS.glob("*.js"):
        found |= set(
            re.findall(
                r"""["'`[]((?:st[A-Z]|data-)[\w-]*)(?:["'`\]]|\$\{)""", file.read_text("utf-8")
            )
        )
    return found


@pytest.mark.parametrize("name", SELECTORS)
def test_streamlit_still_has(name, words):
    found = re.fullmatch(r'\[([\w-]+)(?:\^?="([\w-]+)")?\]', SELECTORS[name])
    attribute, value = found.groups()
    assert attribute in words
    # Streamlit's scripts put the kind of a button behind the dash.
    assert value in {*words, "true", "false", None} or f"{value.partition('-')[0]}-" in words


def test_a_style_sheet_names_them_shortly():
    assert with_selectors(".st-key-a :st(row) > p") == (
        '.st-key-a [data-testid="stHorizontalBlock"] > p'
    )
    with pytest.raises(KeyError):
        with_selectors(":st(nothing)")


def test_they_are_named_in_one_place():
    named = [
        file.relative_to(REPOSITORY).as_posix()
        for folder in ("pages", "mnist_core")
        for file in (REPOSITORY / folder).rglob("*")
        if file.suffix in {".py", ".js", ".css"}
        and re.search(r"data-testid|data-tag|\.st[A-Z]\w+ *[{,.]", file.read_text("utf-8"))
    ]
    assert named == ["pages/streamlit_compat/selectors.py"]
