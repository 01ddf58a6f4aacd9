"""The lesson in the browser: chapters open, controls change figures, links lead on."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from mnist_core import Experiment
from pages.views.learn.contents import CHAPTERS
from tests.e2e.helpers import (
    open_page,
    part,
    settle,
    wait_until,
    wait_until_still,
)

# What stands for a figure's content: curves, drawings, tables and formulas, and pixels.
_PICTURE = """
(figure) => {
  const numbers = (trace) => [trace.type, ...["x", "y"].map((axis) => [...(trace[axis] ?? [])])];
  const shadows = [...figure.querySelectorAll("*")].map((e) => e.shadowRoot).filter(Boolean);
  return JSON.stringify([
    [...figure.querySelectorAll(".js-plotly-plot")].map((p) => (p._fullData ?? []).map(numbers)),
    figure.innerText,
    shadows.map((root) => root.innerHTML),
    shadows.flatMap((root) => [...root.querySelectorAll("canvas")].map((c) => c.toDataURL())),
    [...figure.querySelectorAll("img")].map((image) => image.src),
  ]);
}
"""


def address(page) -> str:
    """What the address bar shows; `page.url` does not follow changes made by script."""
    return str(page.evaluate("location.href"))


def picture(page, number: int) -> str:
    return str(part(page, f"figure_{number}").evaluate(_PICTURE))


def steady(page, number: int) -> str:
    """The figure once it is complete and stands still."""
    settle(page)

    def complete() -> str | None:
        found = picture(page, number)
        return found if len(found) > 200 else None

    return str(wait_until_still(complete, 40, f"The figure of chapter {number} never stood still"))


def slide(page, key: str, steps: int = 3) -> None:
    handle = part(page, key).get_by_role("slider").first
    handle.focus()
    for _ in range(steps):
        handle.press("ArrowRight")


def choose(page, key: str, label: str) -> None:
    part(page, key).get_by_text(label, exact=True).first.click()


CONTROLS = {
    1: lambda page: slide(page, "neuron_w1"),
    2: lambda page: choose(page, "bend", "tanh"),
    3: lambda page: slide(page, "net_units", 1),
    4: lambda page: choose(page, "start_name", "He"),
    5: lambda page: choose(page, "flow_digit", "7"),
    6: lambda page: slide(page, "loss_z0"),
    7: lambda page: choose(page, "descent_names", "Adam"),
    8: lambda page: choose(page, "conv_kernel", "Blur"),
    9: lambda page: choose(page, "fit_name", "Dropout"),
}

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def server(shared_server):
    return shared_server


@pytest.mark.timeout(420)
def test_each_chapter_fits_its_screen_and_its_control_changes_its_figure(server, page):
    """One walk through the lesson for all of it."""
    page.set_viewport_size(DESK)
    open_page(page, server.url, "card_9")
    part(page, "card_9").locator(".card-picture").wait_for(timeout=20_000)
    wait_until(lambda: beyond(page, "Height") <= 0, 20, "The contents are too high")
    page.get_by_role("link", name="Begin with chapter 1").click()
    for entry in CHAPTERS:
        _try_out(page, entry)
        _fold_for_a_phone(page, entry)
        if entry.number < len(CHAPTERS):
            following = CHAPTERS[entry.number].title
            part(page, "neighbours").get_by_role("link", name=following).click()


def _try_out(page, entry) -> None:
    number = entry.number
    page.get_by_role("heading", name=entry.title).wait_for(timeout=30_000)
    wait_until(lambda: f"chapter={number}" in address(page), 10, "The address did not follow")
    assert not page.locator(".katex-error").count(), f"A formula of {entry.title} is broken"
    before = steady(page, number)
    assert beyond(page, "Height") <= 0, f"{entry.title} is too high"
    CONTROLS[number](page)
    wait_until(
        lambda: picture(page, number) != before, 20, f"{entry.title}: the control changed nothing"
    )


def _fold_for_a_phone(page, entry) -> None:
    page.set_viewport_size(PHONE)
    steady(page, entry.number)
    assert beyond(page, "Width") <= 0, f"{entry.title} is too wide for a phone"
    order = [part(page, f"{name}_{entry.number}").bounding_box()["y"]
             for name in ("words", "figure", "after")]  # fmt: skip
    assert order == sorted(order), f"{entry.title}: the figure is not below its words"
    page.set_viewport_size(DESK)


def beyond(page, side: str) -> int:
    """How many pixels the page is larger than the screen, in "Height" or "Width"."""
    main = page.locator('[data-testid="stMain"]')
    return int(main.evaluate(f"(e) => e.scroll{side} - e.client{side}"))


def test_links_open_what_the_chapter_speaks_of(server, page):
    """One link to each page; the addresses of all are in the unit tests."""
    links = {link.page: (entry, link) for entry in CHAPTERS for link in entry.open().links}
    for entry, link in links.values():
        open_page(page, f"{server.url}/?chapter={entry.number}", f"links_{entry.number}")
        part(page, f"links_{entry.number}").get_by_role("link", name=link.label).click()
        wait_until(lambda link=link: _has_opened(page, link), 60, f"{link.label} opened not")


def _has_opened(page, link) -> bool:
    """Whether the link's page is there, with the experiment or the place that the link names."""
    found = urlsplit(address(page))
    query = dict(parse_qsl(found.query, keep_blank_values=True))
    mark = {"train": "start_training", "inspect": "inspect-view", "draw": "canvas"}
    name = link.page.removeprefix("pages/").removesuffix(".py")
    if found.path != f"/{name}" or not part(page, mark[name]).count() or "chapter" in query:
        return False
    if name == "train":
        return Experiment.from_query(query) == Experiment.from_query(link.query)
    return link.query.items() <= query.items()


def test_the_chain_rule_can_be_stepped_through(server, page):
    open_page(page, f"{server.url}/?chapter=6", "tabs_6")
    page.get_by_role("tab", name="The chain rule").click()
    before = steady(page, 6)
    part(page, "chain_show").get_by_role("button").click()
    wait_until(lambda: picture(page, 6) != before, 20, "The derivative was not shown")
    part(page, "chain_next").get_by_role("button").click()
    page.get_by_text("Step 2 of").wait_for(timeout=20_000)


def test_an_answer_is_explained_and_remembered_over_a_restart(server, page):
    asked = CHAPTERS[0].open().question
    right = next(option for option in asked.options if option.right)
    open_page(page, f"{server.url}/?chapter=1", "question_1")
    part(page, "question_1").get_by_text(right.text).click()
    page.get_by_text(right.reply).wait_for(timeout=20_000)
    kept = "localStorage.getItem('mnist-lab-lesson') ?? ''"
    wait_until(lambda: '"answers":{"1"' in page.evaluate(kept), 20, "The browser kept nothing")
    server.stop()
    server.start()
    open_page(page, f"{server.url}/?chapter=1", "question_1")
    page.get_by_text(right.reply).wait_for(timeout=30_000)
    open_page(page, server.url, "card_1")
    page.get_by_text("questions answered: 1 of 9").wait_for(timeout=30_000)


def test_a_pressed_point_moves_the_input_and_a_pressed_neuron_shows_its_sum(server, page):
    open_page(page, f"{server.url}/?chapter=1", "neuron_plane")
    before = steady(page, 1)
    part(page, "neuron_plane").locator(".nsewdrag").first.click(position={"x": 40, "y": 40})
    wait_until(lambda: picture(page, 1) != before, 20, "A press in the plane changed nothing")
    open_page(page, f"{server.url}/?chapter=5", "flow_drawing")
    node = part(page, "flow_drawing").locator('[data-press="h3"]')
    node.focus()
    node.press("Enter")
    page.get_by_text("Hidden neuron 3.").wait_for(timeout=20_000)


def test_browser_history_leads_back_through_the_chapters(server, page):
    open_page(page, f"{server.url}/?chapter=2", "chapter_2")
    part(page, "strip").get_by_role("link", name=re.compile("^4")).click()
    page.wait_for_selector(".st-key-chapter_4")
    wait_until(lambda: "chapter=4" in address(page), 10, "The address did not follow")
    page.go_back()
    page.wait_for_selector(".st-key-chapter_2", timeout=20_000)
