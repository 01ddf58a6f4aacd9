"""The lesson in the browser: chapters open, controls change figures, links lead on."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from mnist_core import Experiment
from mnist_core.figures.diagram import number
from mnist_core.lesson.numpy_net import Layer, forward
from pages.views.learn.contents import CHAPTERS
from tests.e2e.helpers import (
    DRAWN,
    address,
    draw,
    open_page,
    part,
    settle,
    wait_until,
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


def picture(page, number: int) -> str:
    return str(part(page, f"figure_{number}").evaluate(_PICTURE))


# The figure of a chapter, once the page is drawn and the figure is complete.
_COMPLETE = f"""
() => {{
  const figure = document.querySelector(".st-key-figure_NUMBER");
  if (!figure || ({DRAWN})() === null) return null;
  const found = ({_PICTURE})(figure);
  return found.length > 200 ? found : null;
}}
"""


def steady(page, number: int) -> str:
    """The figure once it is complete and stands still."""
    look = _COMPLETE.replace("NUMBER", str(number))
    settle(page, look, f"The figure of chapter {number} never stood still")
    return picture(page, number)


def slide(page, key: str, steps: int = 3) -> None:
    handle = part(page, key).get_by_role("slider").first
    handle.focus()
    for _ in range(steps):
        handle.press("ArrowRight")


def choose(page, key: str, label: str) -> None:
    part(page, key).get_by_text(label, exact=True).first.click()


def step_on(page, clock: str) -> None:
    part(page, f"player_{clock}").locator("button.on").click()


CONTROLS = {
    1: lambda page: slide(page, "neuron"),
    2: lambda page: choose(page, "bend", "tanh"),
    3: lambda page: choose(page, "lesson_digit", "7"),
    4: lambda page: choose(page, "start_name", "He"),
    5: lambda page: choose(page, "lesson_digit", "4"),
    6: lambda page: part(page, "chain_show").get_by_role("button").click(),
    7: lambda page: choose(page, "descent_scene", "Two valleys"),
    8: lambda page: choose(page, "conv_kernel", "Blur"),
    9: lambda page: choose(page, "fit_name", "Dropout"),
}

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 800}
LAPTOP = {"width": 1366, "height": 768}


@pytest.mark.timeout(420)
def test_each_chapter_fits_stands_still_until_asked_and_its_control_changes_it(server, page):
    """One walk through the lesson for all of it, of a visitor who wants less motion."""
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
    page.set_viewport_size(LAPTOP)
    steady(page, number)
    wait_until(lambda: beyond(page, "Height") <= 0, 10, f"{entry.title} is too high for a laptop")
    _moves_only_when_asked(page, number)
    page.set_viewport_size(DESK)
    for option in entry.open().question.options:
        part(page, f"question_{number}").get_by_text(option.text, exact=True).click()
        page.get_by_text(option.reply).wait_for(timeout=20_000)
        wait_until(lambda: beyond(page, "Height") <= 0, 10, f"{entry.title} is too high")
    before = steady(page, number)
    CONTROLS[number](page)
    wait_until(
        lambda: picture(page, number) != before, 20, f"{entry.title}: the control changed nothing"
    )


def _moves_only_when_asked(page, number: int) -> None:
    if number not in MOVING:
        return
    clock, key = MOVING[number]
    assert stands_still(page, key), f"Chapter {number} moves by itself"
    slider = part(page, f"player_{clock}").get_by_role("slider")
    assert slider.input_value() == slider.get_attribute("max"), "The figure is not complete"
    before = drawn(page, key)
    set_playing(page, clock, True)
    wait_until(lambda: drawn(page, key) != before, 10, "It did not move when asked")
    set_playing(page, clock, False)


def _fold_for_a_phone(page, entry) -> None:
    page.set_viewport_size(PHONE)
    steady(page, entry.number)
    assert beyond(page, "Width") <= 0, f"{entry.title} is too wide for a phone"
    order = [part(page, f"{name}_{entry.number}").bounding_box()["y"]
             for name in ("head", "figure", "words", "after")]  # fmt: skip
    assert order == sorted(order), f"{entry.title}: the figure does not follow its question"
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
    before = steady(page, 6)
    part(page, "chain_show").get_by_role("button").click()
    wait_until(lambda: picture(page, 6) != before, 20, "The derivative was not shown")
    part(page, "chain_next").get_by_role("button").click()
    page.get_by_text("Step 2 of").wait_for(timeout=20_000)


def test_an_answer_is_explained_and_remembered_by_the_browser_alone(server, page, browser):
    asked = CHAPTERS[0].open().question
    right = next(option for option in asked.options if option.right)
    open_page(page, f"{server.url}/?chapter=1", "question_1")
    part(page, "question_1").get_by_text(right.text).click()
    page.get_by_text(right.reply).wait_for(timeout=20_000)
    kept = "localStorage.getItem('mnist-lab-lesson') ?? ''"
    wait_until(lambda: '"answers":{"1"' in page.evaluate(kept), 20, "The browser kept nothing")
    # One with the same storage and without the cookies is a stranger to the server.
    stored = page.context.storage_state()["origins"]
    context = browser.new_context(storage_state={"origins": stored}, reduced_motion="reduce")
    try:
        stranger = context.new_page()
        open_page(stranger, f"{server.url}/?chapter=1", "question_1")
        stranger.get_by_text(right.reply).wait_for(timeout=30_000)
        open_page(stranger, server.url, "card_1")
        stranger.get_by_text("questions answered: 1 of 9").first.wait_for(timeout=30_000)
    finally:
        context.close()


def test_a_neuron_is_explained_and_shows_its_sum_without_the_server(server, page):
    open_page(page, f"{server.url}/?chapter=5", "flow_drawing")
    drawing = part(page, "flow_drawing")
    node = drawing.locator('[data-press="h3"]')
    node.wait_for(timeout=30_000)
    page.get_by_text("Output 5.").wait_for(timeout=30_000)
    page.wait_for_load_state("networkidle")
    page.evaluate("WebSocket.prototype.send = () => {}")
    tip = drawing.locator(".tip")
    node.hover()
    expect(tip).to_contain_text("Hidden neuron 3: output")
    page.mouse.move(1, 1)
    expect(tip).to_be_hidden()
    node.focus()
    expect(tip).to_contain_text("Hidden neuron 3: output")
    node.press("Enter")
    expect(page.get_by_text("Hidden neuron 3.")).to_be_visible()
    expect(node).to_have_attribute("aria-pressed", "true")
    node.press("Escape")
    expect(tip).to_be_hidden()
    drawing.locator('[data-press="o7"]').click()
    expect(page.get_by_text("Output 7.")).to_be_visible()


def test_a_hidden_neuron_shows_what_excites_it_without_the_server(server, page):
    open_page(page, f"{server.url}/?chapter=3", "net_weights")
    weights, panel = part(page, "net_weights").locator("canvas"), part(page, "net_neuron")
    expect(panel).to_contain_text("is excited most by", timeout=30_000)
    page.wait_for_load_state("networkidle")
    page.evaluate("WebSocket.prototype.send = () => {}")
    weights.click(position={"x": 20, "y": 20})
    expect(panel).to_contain_text("Neuron 0 is excited most by")
    panel.locator("g[data-tip]").nth(3).hover()
    expect(panel.locator(".tip")).to_contain_text("Shown a 3:")


# The chapters whose figures move, the clock of each, and the part that moves.
MOVING = {
    4: ("start", "start_signals"),
    5: ("forward", "flow_drawing"),
    6: ("chain", "chain_drawing"),
    7: ("descent", "descent_surface"),
    8: ("slide", "conv_view"),
    9: ("fit", "fit_curves"),
}
_DRAWN = """
(figure) => JSON.stringify([...figure.querySelectorAll("*")].map((e) => e.shadowRoot)
  .concat(figure).filter(Boolean).map((root) => [...root.querySelectorAll(
    ".scatterlayer path, [data-pulse], [data-since], [data-until], rect, svg path")].map((part) =>
    [part.getAttribute("d"), part.getAttribute("x"), part.getAttribute("y"),
     part.getAttribute("transform"), part.getAttribute("style")])))
"""


def drawn(page, key: str) -> str:
    """How everything that may move stands now."""
    return str(part(page, key).evaluate(_DRAWN))


def stands_still(page, key: str) -> bool:
    """Whether nothing of the figure changes over some frames."""
    before = drawn(page, key)
    page.evaluate(
        "() => new Promise((done) => { let frames = 20;"
        " const next = () => (frames-- ? requestAnimationFrame(next) : done()); next(); })"
    )
    return drawn(page, key) == before


def begins(slider) -> bool:
    """Whether a player has begun by itself; before it is there, its slider stands in the middle."""
    return bool(slider.get_attribute("aria-valuetext")) and slider.input_value() != "0"


def set_playing(page, clock: str, playing: bool) -> None:
    """Press the button unless it is so already: a figure may have come to its end meanwhile."""
    button = part(page, f"player_{clock}").locator("button.play")
    button.evaluate(
        "(button, wanted) => button.title === wanted && button.click()",
        "Play" if playing else "Pause",
    )


@pytest.mark.timeout(420)
def test_figures_move_when_played_and_stand_still_when_paused(server, page):
    page.set_viewport_size(DESK)
    page.emulate_media(reduced_motion="no-preference")
    open_page(page, f"{server.url}/?chapter=1", "chapter_1")
    for chapter, (clock, key) in MOVING.items():
        part(page, "strip").get_by_role("link", name=re.compile(f"^{chapter}")).click()
        part(page, f"player_{clock}").wait_for(timeout=30_000)
        slider = part(page, f"player_{clock}").get_by_role("slider")
        wait_until(lambda slider=slider: begins(slider), 30,
                   f"Chapter {chapter} does not begin by itself")  # fmt: skip
        set_playing(page, clock, False)
        wait_until(lambda key=key: stands_still(page, key), 10, f"Chapter {chapter} went on")
        slider.focus()
        page.keyboard.press("Home")
        wait_until(lambda key=key: stands_still(page, key), 10, f"Chapter {chapter} went on")
        first = drawn(page, key)
        set_playing(page, clock, True)
        wait_until(lambda key=key, first=first: drawn(page, key) != first, 10,
                   f"Chapter {chapter} did not move")  # fmt: skip
        set_playing(page, clock, False)
        wait_until(lambda key=key: stands_still(page, key), 10, f"Chapter {chapter} went on")
        slider.focus()
        page.keyboard.press("Home")
        wait_until(lambda key=key, first=first: drawn(page, key) == first, 10,
                   f"Chapter {chapter} has no first step")  # fmt: skip
        step_on(page, clock)
        wait_until(lambda key=key, first=first: drawn(page, key) != first, 10,
                   f"Chapter {chapter} has no steps")  # fmt: skip


def test_figures_are_complete_on_paper(server, page):
    page.set_viewport_size(DESK)
    page.emulate_media(reduced_motion="no-preference")
    open_page(page, f"{server.url}/?chapter=9", "player_fit")
    bar = part(page, "player_fit")
    slider = bar.locator("input")  # on paper it has no role: it is not seen
    wait_until(lambda: begins(slider), 30, "It does not begin by itself")
    slider.focus()
    page.keyboard.press("Home")
    page.emulate_media(media="print")
    points = part(page, "fit_curves").locator(".scatterlayer .point")
    epochs = int(slider.get_attribute("max")) + 1
    wait_until(lambda: points.count() == 2 * epochs, 10, "The curves are not whole on paper")
    assert not bar.locator(".player").is_visible()


_SLIDE = """(input, value) => {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def test_the_neuron_follows_its_sliders_without_the_server(server, page):
    """What its script computes is what the lesson's NumPy network computes."""
    open_page(page, f"{server.url}/?chapter=1", "neuron")
    neuron = part(page, "neuron")
    neuron.locator(".z").wait_for(timeout=30_000)
    page.wait_for_load_state("networkidle")
    page.evaluate("WebSocket.prototype.send = () => {}")
    values = {"w1": 1.7, "w2": -2.3, "b": 0.4, "x1": 0.35, "x2": 0.81}
    for name, value in values.items():
        slider = neuron.locator(f"input[name={name}]")
        slider.evaluate(_SLIDE, value)
    for activation in ("tanh", "ReLU", "sigmoid"):
        neuron.get_by_role("button", name=activation).click()
        layer = Layer(
            np.array([[values["w1"]], [values["w2"]]]), np.array([values["b"]]), activation.lower()
        )
        passed = forward([layer], np.array([[values["x1"], values["x2"]]]))
        z, a = float(passed.pre_activations[0][0, 0]), float(passed.outputs[1][0, 0])
        expect(neuron.locator(".z")).to_have_text(number(z))
        expect(neuron.locator(".a")).to_have_text(number(a))
    neuron.locator(".over").click(position={"x": 40, "y": 40})
    expect(neuron.locator(".z")).not_to_have_text(number(z))


def test_no_part_is_seen_before_its_style_sheet(server, page):
    """Streamlit fetches the script that puts style sheets into a page when the first one is due."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/Html\.[^/]*\.js"), hold)
    page.goto(server.url, wait_until="domcontentloaded")
    block = page.get_by_test_id("stMainBlockContainer")
    hidden_by = "(block) => getComputedStyle(block).animationName"
    part(page, "begin").wait_for(state="attached", timeout=60_000)
    assert block.evaluate(hidden_by) == "unstyled"
    assert held, "The script was not held back"
    for route in held:
        route.continue_()
    expect(block).to_have_css("animation-name", "none")
    expect(part(page, "begin")).to_be_visible()


# Where the middle of a text lies, in CSS pixels from the left.
_MIDDLE = """(element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const { left, right } = range.getBoundingClientRect();
  return (left + right) / 2;
}"""


def test_a_drawing_is_read_beside_the_headline_and_goes_through_the_lesson(server, page):
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, server.url, "home_flow")
    settle(page)
    for entry in CHAPTERS:
        box = part(page, f"card_{entry.number}").bounding_box()
        assert box["y"] + box["height"] <= 768, f"The card of chapter {entry.number} is cut"
    heights = {
        round(part(page, f"card_{entry.number}").bounding_box()["height"]) for entry in CHAPTERS
    }
    assert len(heights) == 1, f"Cards are of different heights: {heights}"
    hint = part(page, "paper_hint")
    expect(hint).to_have_text("Draw a digit")
    box, middle = hint.bounding_box(), hint.locator("p").evaluate(_MIDDLE)
    assert abs(box["x"] + box["width"] / 2 - middle) < 2
    draw(page, [(0.5, 0.15), (0.5, 0.85)])
    figure = part(page, "home_flow").locator(".diagram")
    expect(figure).to_have_attribute("aria-label", re.compile("Your drawing .* reads a 1"))
    expect(page.locator(".st-key-paper_hint")).to_have_count(0)
    page.get_by_role("link", name="Begin with chapter 1").click()
    expect(part(page, "neuron").locator("svg.neuron")).to_have_attribute(
        "aria-label", re.compile("Your drawing"), timeout=30_000
    )


def test_browser_history_leads_back_through_the_chapters(server, page):
    open_page(page, f"{server.url}/?chapter=2", "chapter_2")
    part(page, "strip").get_by_role("link", name=re.compile("^4")).click()
    page.wait_for_selector(".st-key-chapter_4")
    wait_until(lambda: "chapter=4" in address(page), 10, "The address did not follow")
    page.go_back()
    page.wait_for_selector(".st-key-chapter_2", timeout=20_000)
