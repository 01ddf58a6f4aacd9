"""What the documents say that can be checked: links, settings, experiments."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.base.paths import REPOSITORY
from mnist_core.experiment.class_links import GROUPS, HIDE, class_query, parse_hidden
from mnist_core.visitors.limits import Limits
from pages.views.learn.contents import CHAPTERS

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
LAB = "http://localhost:8501"
DEPLOY = [file for file in (REPOSITORY / "deploy").iterdir() if file.is_file()]


def links(text: str) -> list[str]:
    """The targets of links and pictures in Markdown, code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return [found for match in re.findall(r"\]\((?:<([^>]*)>|([^()\s]+))\)", text)
            for found in match if found]  # fmt: skip


def anchors(file: Path) -> set[str]:
    """The places in a document, as GitHub names its headings."""
    titles = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_within_the_repository_lead_somewhere(file):
    for link in links(file.read_text("utf-8")):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (file.parent / parts.path).resolve() if parts.path else file
        assert target.exists(), f"{file.name}: {link}"
        if parts.fragment:
            assert parts.fragment in anchors(target), f"{file.name}: {link}"


def test_the_documents_are_found():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "deploy.md"} <= {
        file.name for file in DOCUMENTS
    }
    assert links("![a](b.webp) [c](<http://d/e(f)>) `[no](link)`") == ["b.webp", "http://d/e(f)"]


# What the worked examples would make.
TO_BE_MADE = {
    "mnist_core/figures/data.py",
    "pages/averages.py",
    "pages/views/averages/",
    "tests/figures/test_data.py",
    "tests/pages/test_averages.py",
}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_files_that_are_named_are_there(file):
    text = file.read_text("utf-8")
    rooms = "mnist_core|pages|tests|benchmarks|deploy|data|models"
    named = re.findall(rf"`((?:{rooms})/(?:[\w./*]*(?:/|\.\w+))?)`", text)
    lacking = {name for name in named if not list(REPOSITORY.glob(name))}
    assert lacking - TO_BE_MADE == set()


def lesson_rows() -> list[tuple[str, str, str]]:
    """Address, preset and what pupils may change, of each experiment of the lesson plan."""
    text = (REPOSITORY / "docs" / "lesson-plan.md").read_text("utf-8")
    return re.findall(r"^\| \[[^\]]+\]\(<(.*)>\) \| `([\w-]+)` \| (.*) \|$", text, re.MULTILINE)


def test_the_lesson_has_its_links():
    assert len(lesson_rows()) == 6


@pytest.mark.parametrize(("address", "preset", "free"), lesson_rows())
def test_a_link_of_the_lesson_opens_the_experiment_that_it_claims(address, preset, free):
    place, _, query = address.partition("?")
    assert place == f"{LAB}/train"
    settings = dict(parse_qsl(query))
    hidden, unknown = parse_hidden(settings.pop(HIDE))
    assert settings.pop("seed") == "random" and "advice" in hidden
    assert Experiment.from_query(settings) == PRESETS[preset]
    shown = [] if free == "nothing" else free.split(", ")
    assert unknown == () and [GROUPS[name] for name in GROUPS if name not in hidden] == shown
    assert query == class_query(PRESETS[preset], hidden, own_seeds=True)


def test_other_addresses_of_the_lab_are_pages_and_chapters_that_exist():
    pages = {"", "/", "/train", "/inspect", "/draw", "/explore", "/status"}
    chapters = {str(entry.number) for entry in CHAPTERS}
    found = [link for file in DOCUMENTS for link in links(file.read_text("utf-8"))
             if link.startswith(LAB)]  # fmt: skip
    assert len(found) > 10
    for link in map(urlsplit, found):
        assert link.path in pages
        assert dict(parse_qsl(link.query)).get("chapter", "1") in chapters


def test_each_setting_that_is_named_exists():
    from streamlit import config

    options = {f"STREAMLIT_{_shouted(name)}" for name in config._config_options_template}
    known = _settings() | {f"MNIST_LAB_MAX_{field.name.upper()}" for field in fields(Limits)}
    for file in [*DOCUMENTS, *DEPLOY]:
        text = file.read_text("utf-8")
        assert set(re.findall(r"MNIST_LAB_[A-Z_]*[A-Z]\b", text)) - known == set(), file.name
        assert set(re.findall(r"STREAMLIT_[A-Z_]+", text)) - options == set(), file.name
    assert "STREAMLIT_SERVER_BASE_URL_PATH" in options


# What one part of MNIST Lab sets for another, or for its tests.
NOT_FOR_PEOPLE = {"ARTIFACTS", "EXIT_WITH_PARENT", "SHARED_ARRAYS", "SHARE_OPERATIONS"}


def test_each_setting_has_its_row():
    text = (REPOSITORY / "docs" / "server.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `MNIST_LAB_(\w+)` \|", text, re.MULTILINE))
    others = {name.removeprefix("MNIST_LAB_") for name in _settings()} - NOT_FOR_PEOPLE
    assert {name for name in others if not name.startswith("MAX_")} == rows
    limits = set(re.findall(r"`(?:MNIST_LAB_MAX)?_([A-Z_]+)`", text))
    assert {field.name.upper() for field in fields(Limits)} - {"PUBLIC"} == limits


def _settings() -> set[str]:
    """The names of environment variables in the code."""
    sources = "\n".join(file.read_text("utf-8") for file in REPOSITORY.glob("mnist_core/**/*.py"))
    return set(re.findall(r"MNIST_LAB_[A-Z_]*[A-Z]\b", sources))


def _shouted(option: str) -> str:
    """`server.baseUrlPath` → SERVER_BASE_URL_PATH."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", option).replace(".", "_").upper()
