"""Draw digits with the mouse and read what the network says."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from benchmarks._digits import DIGITS
from mnist_core.drawing.strokes import Stroke, picture
from tests.e2e.helpers import (
    digit_read,
    draw,
    inked,
    open_page,
    paper,
    part,
    press,
    settle,
    surface,
    wait_for_digit,
    wait_for_empty_paper,
    wait_until,
    wait_until_still,
)
from tests.support.photos import as_file, photo


@pytest.fixture(scope="module")
def ready_to_read(public_server, browser):
    """The first reading waits for TensorFlow."""
    with browser.new_page(reduced_motion="reduce") as page:
        open_page(page, f"{public_server.url}/draw", "canvas")
        draw(page, *DIGITS[1])
        wait_for_digit(page, 1, 90)


@pytest.fixture
def board(ready_to_read, server, page):
    """The page with empty paper and a network that is ready to read."""
    open_page(page, f"{server.url}/draw", "canvas")
    surface(page).wait_for(timeout=30_000)
    settle(page)
    assert inked(page) == 0 and digit_read(page) is None
    return page


def test_all_ten_digits_are_read_and_cleared(board):
    for digit, strokes in DIGITS.items():
        draw(board, *strokes)
        wait_for_digit(board, digit, 20)
        press(board, "clear_canvas")
        wait_for_empty_paper(board)


def test_the_server_sees_what_the_paper_shows(board):
    strokes = [
        [(0.2, 0.3), (0.5, 0.1), (0.8, 0.4), (0.4, 0.6), (0.7, 0.9)],
        [(0.1, 0.8), (0.3, 0.95)],
        [(0.85, 0.85)],
    ]
    draw(board, *strokes)
    # The mouse goes in eight equal steps from corner to corner.
    paths = []
    for stroke in strokes:
        points = [(280 * x, 280 * y) for x, y in stroke]
        path = [points[0], points[0]]  # the canvas begins each stroke so
        for (x0, y0), (x1, y1) in pairwise(points):
            path += [(x0 + (x1 - x0) * k / 8, y0 + (y1 - y0) * k / 8) for k in range(1, 9)]
        paths.append(Stroke(tuple(path)))
    wait_until(lambda: inked(board) > 0.05, 10, "Nothing was drawn")
    difference = np.abs(paper(board) - picture(tuple(paths)).astype(np.float32)) / 255
    assert difference.mean() < 0.004
    assert (difference > 0.5).mean() < 0.001


def test_a_stroke_drawn_before_the_paper_s_style_sheet_has_come_is_read(server, page):
    """The component's own style sheet puts its layers one upon the other; it may come late."""
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route(re.compile(r"drawable.canvas.*\.css"), hold)
    open_page(page, f"{server.url}/draw", "canvas")
    draw(page, *DIGITS[1])
    assert late, "The style sheet was not held back"
    wait_for_digit(page, 1, 90)
    for route in late:
        route.continue_()


def test_a_page_asks_once_for_its_server_and_runs_once(server, page):
    """The head of the page names the server (`server_address`), and no part has news to send."""
    asked: list[str] = []
    sent: list[str | bytes] = []

    def note(frame: str | bytes) -> None:
        sent.append(frame)

    page.on("websocket", lambda socket: socket.on("framesent", note))
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, f"{server.url}/draw", "canvas")
    expect(surface(page)).to_be_visible()
    health = [url for url in asked if url.endswith("_stcore/health")]
    assert health == [f"{server.url}/_stcore/health"]
    assert len(sent) == 1


def test_the_paper_is_the_drawable_canvas_and_has_a_name(board):
    expect(surface(board)).to_be_visible()
    assert "upper-canvas" in surface(board).get_attribute("class")
    # Ours stand below the paper; what the component offers beside them is out of the way.
    expect(part(board, "canvas").get_by_role("button", name="Undo")).to_have_count(1)
    expect(part(board, "canvas").get_by_role("button", name="Reset canvas")).to_have_count(0)


def test_a_stroke_is_sent_as_soon_as_it_ends(board):
    """Without the script of ours the component waits for 200 ms: then the script can go."""
    board.evaluate(
        """() => {
          const board = document.querySelector(".st-key-canvas");
          const canvas = [...board.querySelectorAll("*")].find((e) => e.shadowRoot).shadowRoot;
          const send = canvas.querySelector('[aria-label="Update the app with this drawing"]');
          window.sent = 0;
          send.addEventListener("click", () => sent++);
        }"""
    )
    draw(board, *DIGITS[7])
    wait_for_digit(board, 7, 20)
    assert board.evaluate("sent") == len(DIGITS[7])


def test_undo_redo_eraser_and_a_page_change(board):
    draw(board, *DIGITS[1])
    wait_for_digit(board, 1, 20)
    alone = inked(board)
    draw(board, [(0.2, 0.2), (0.8, 0.2)], [(0.2, 0.2), (0.2, 0.8), (0.8, 0.8)])
    wait_until(lambda: digit_read(board) != 1, 10, "The added strokes made no difference")
    board.keyboard.press("Control+z")
    board.keyboard.press("Control+z")
    wait_for_digit(board, 1, 10)
    wait_until(
        lambda: inked(board) == pytest.approx(alone, rel=0.02), 10, "The strokes were not undone"
    )
    board.keyboard.press("Control+y")
    wait_until(lambda: inked(board) > 1.2 * alone, 10, "The stroke did not come back")
    part(board, "canvas").get_by_role("button", name="Undo").click()
    wait_for_digit(board, 1, 10)

    # As soon as the paper shows the last step, so that the page goes while it is being sent.
    board.keyboard.press("Control+y")
    part(board, "canvas").get_by_role("button", name="Undo").click()
    wait_until(
        lambda: inked(board) == pytest.approx(alone, rel=0.02), 10, "The stroke was not undone"
    )
    board.get_by_role("link", name="Train", exact=True).click()
    part(board, "start_training").wait_for(timeout=30_000)
    board.get_by_role("link", name="Draw", exact=True).click()
    wait_for_digit(board, 1, 30)
    wait_until(
        lambda: inked(board) == pytest.approx(alone, rel=0.02), 10, "The drawing did not come back"
    )

    part(board, "canvas").get_by_role("radio", name="Eraser").click()
    width = part(board, "canvas").get_by_role("slider", name="Stroke width")
    width.press("End")
    tip = part(board, "canvas").locator(".eraser.tip")
    expect(tip).to_have_attribute("style", re.compile("46px"), timeout=20_000)
    draw(board, [(0.52, 0.05), (0.51, 0.38), (0.50, 0.62), (0.49, 0.95)])
    wait_for_empty_paper(board)


# A pen's eraser end as browsers report it (W3C Pointer Events, table of buttons): button 5.
ERASE = """
(surface, [points, last]) => {
  const box = surface.getBoundingClientRect();
  const report = (kind, button, [x, y], buttons = 32) => surface.dispatchEvent(
    new PointerEvent(kind, {
      pointerId: 7, pointerType: "pen", button, buttons,
      clientX: box.left + x * box.width, clientY: box.top + y * box.height,
      bubbles: true, composed: true, cancelable: true}));
  report("pointerdown", 5, points[0]);
  const touch = new Touch({identifier: 1, target: surface,
    clientX: box.left + points[0][0] * box.width, clientY: box.top + points[0][1] * box.height});
  surface.dispatchEvent(new TouchEvent("touchstart", {
    touches: [touch], targetTouches: [touch], changedTouches: [touch],
    bubbles: true, composed: true, cancelable: true}));
  for (const point of points.slice(1)) report("pointermove", -1, point);
  report(last, last === "pointerup" ? 5 : -1, points.at(-1), 0);
}
"""


def test_a_pen_s_other_end_erases(board):
    draw(board, *DIGITS[1], [(0.2, 0.2), (0.2, 0.8)])
    expect(part(board, "prediction")).to_contain_text("11", timeout=20_000)
    both = inked(board)
    # Two strokes, the second before the first is answered; the first is lifted unseen.
    for top, last in ((0.1, "pointermove"), (0.5, "pointerup")):
        points = [(0.2, top), (0.2, top + 0.2), (0.2, top + 0.4)]
        surface(board).evaluate(ERASE, [points, last])
    assert inked(board) < 0.8 * both, "The ink does not go at once"
    wait_for_digit(board, 1, 20)
    settle(board)
    alone = inked(board)
    assert 0 < alone < 0.8 * both
    board.keyboard.press("Control+z")
    wait_until(lambda: alone < inked(board) < both, 10, "Half of the line did not come back")
    board.keyboard.press("Control+z")
    wait_until(lambda: inked(board) == pytest.approx(both, rel=0.02), 10, "Nor did the other half")
    # A stroke drawn before the page knows that the server has erased.
    surface(board).evaluate(ERASE, [[(0.2, 0.1), (0.2, 0.9)], "pointerup"])
    draw(board, [(0.8, 0.2), (0.8, 0.8)])
    settle(board)
    assert paper(board)[60:220, 210:240].min() < 64, "The stroke is lost"
    assert paper(board)[:, 40:72].min() > 192, "The ink is back"


def test_a_reload_keeps_the_drawing_and_a_new_visit_begins_with_empty_paper(board):
    draw(board, *DIGITS[7], [(0.9, 0.9), (0.95, 0.95)])
    kept = "JSON.parse(sessionStorage['mnist-lab-drawing']).objects.length"
    wait_until(
        lambda: board.evaluate(kept) > len(DIGITS[7]), 20, "The browser does not keep the drawing"
    )
    board.reload()
    wait_for_digit(board, 7, 30)
    wait_until(lambda: inked(board) > 0, 10, "The drawing is not on the paper")
    both = inked(board)
    board.keyboard.press("Control+z")
    wait_until(lambda: 0 < inked(board) < both, 10, "The last stroke was not taken back")
    press(board, "clear_canvas")
    wait_for_empty_paper(board)
    wait_until(lambda: board.evaluate(kept) == 0, 20, "The browser keeps what was cleared")
    board.reload()
    surface(board).wait_for(timeout=30_000)
    settle(board)
    assert inked(board) == 0 and digit_read(board) is None
    draw(board, *DIGITS[1])
    wait_for_digit(board, 1, 20)
    board.goto(board.url)
    surface(board).wait_for(timeout=30_000)
    settle(board)
    assert inked(board) == 0 and digit_read(board) is None


def test_a_drawing_comes_back_after_a_reload_also_when_a_message_is_lost(board):
    """Some are, while the server still sets the page up."""
    draw(board, *DIGITS[7])
    wait_for_digit(board, 7, 20)
    lost: list[bytes] = []

    def lose_the_first(socket):
        server = socket.connect_to_server()

        def pass_on(message):
            if b"restored" in message and not lost:
                lost.append(message)
            else:
                server.send(message)

        socket.on_message(pass_on)

    board.route_web_socket(re.compile("_stcore/stream"), lose_the_first)
    board.reload()
    wait_for_digit(board, 7, 30)
    assert lost


def test_what_was_cleared_comes_back_only_when_asked_for(board):
    draw(board, *DIGITS[7])
    wait_for_digit(board, 7, 20)
    press(board, "clear_canvas")
    wait_for_empty_paper(board)
    settle(board)
    assert inked(board) == 0 and digit_read(board) is None
    board.keyboard.press("Control+z")
    wait_for_digit(board, 7, 20)
    press(board, "clear_canvas")
    wait_for_empty_paper(board)
    draw(board, *DIGITS[1])
    wait_for_digit(board, 1, 20)
    board.keyboard.press("Control+z")
    wait_for_empty_paper(board)


def test_a_view_below_and_a_photo_from_a_file(board):
    draw(board, *DIGITS[7])
    wait_for_digit(board, 7, 20)
    board.get_by_role("tab", name="Why?").click()
    board.get_by_text("Why 7?").wait_for(timeout=20_000)
    board.get_by_text("The smallest change found").or_(
        board.get_by_text("No short straight stroke")
    ).first.wait_for(timeout=60_000)
    board.get_by_role("tab", name="Photo").click()
    image, _ = photo([[3, 1, 4, 1, 5]], seed=3, shade=0.3, ruled=160, noise=6)
    chooser = part(board, "photo").locator("input[type=file]")
    chooser.set_input_files(
        {"name": "paper.jpg", "mimeType": "image/jpeg", "buffer": as_file(image)}
    )
    expect(part(board, "photo_reading")).to_have_text("3 1 4 1 5", timeout=30_000)
    wait_for_digit(board, 7, 5)  # the drawing is still there, and read


def test_a_finger_draws_at_phone_width(server, browser):
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        page = phone.new_page()
        open_page(page, f"{server.url}/draw", "canvas")
        surface(page).wait_for(timeout=30_000)
        settle(page)
        box = surface(page).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        touch = phone.new_cdp_session(page)
        for stroke in DIGITS[7]:
            points = [
                {"x": box["x"] + u * box["width"], "y": box["y"] + v * box["height"]}
                for u, v in stroke
            ]
            for kind, point in zip(
                ["touchStart", *["touchMove"] * (len(points) - 1)], points, strict=True
            ):
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
            touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait_for_digit(page, 7, 90)
        assert page.evaluate("window.scrollY") == 0, "The finger scrolled the page"
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= 390, "The page is wider than the phone"
        # Why there is no answer stands where the answer would be: on the first screen.
        below = part(page, "below_answer")
        below.evaluate("place => place.insertAdjacentHTML('afterbegin', '<p role=alert>No</p>')")
        expect(part(page, "answer")).to_be_hidden()
        expect(below.get_by_role("alert")).to_be_in_viewport()
        # The menu lies over the page, and goes once a page is chosen.
        page.get_by_test_id("stExpandSidebarButton").tap()
        link = page.get_by_test_id("stSidebarNavLink").filter(has_text="Explore")
        wait_until(lambda: link.bounding_box()["x"] >= 0, 20, "The menu does not slide in")
        wait_until_still(link.bounding_box, 10, "The menu goes on sliding")
        link.tap()
        part(page, "explore_views").wait_for(timeout=30_000)
        page.get_by_test_id("stExpandSidebarButton").wait_for(timeout=20_000)
    finally:
        phone.close()
