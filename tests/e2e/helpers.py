"""What a person does and sees on the pages, by the names in `tests/test_public_names.py`."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]

STATUSES = ("queued", "running", "paused", "finished", "stopped", "failed")

# Plotly keeps typed arrays as they are and decoded ones under `_inputArray`.
_CURVES = """
(plot) => {
  const numbers = (v) => !v ? [] : (Array.isArray(v) || ArrayBuffer.isView(v)) ? Array.from(v)
    : v._inputArray ? Array.from(v._inputArray) : [];
  return (plot._fullData || []).map((trace) => ({
    name: trace.name || "", x: numbers(trace.x), y: numbers(trace.y)}));
}
"""


def part(page: Any, name: str) -> Any:
    """The container or widget with this public key."""
    return page.locator(f".st-key-{name}").first


def wait_until(what: Callable[[], Any], timeout: float, sentence: str) -> Any:
    """Look again and again until `what` gives something true; the sentence says what was missed.

    Elements come and go while Streamlit redraws, so a failed look counts as "not yet".
    """
    from playwright.sync_api import Error

    deadline = time.monotonic() + timeout
    seen: Any = None
    while time.monotonic() < deadline:
        try:
            seen = what()
        except Error as error:
            seen = None
            if "closed" in str(error):
                raise
        if seen:
            return seen
        time.sleep(0.1)
    raise AssertionError(f"{sentence} (waited {timeout:g} s; last seen: {seen!r})")


def wait_until_still(what: Callable[[], Any], timeout: float, sentence: str, looks: int = 6) -> Any:
    """Wait until `what` gives the same, and not None, in so many looks one after the other."""
    seen: list[Any] = []

    def same() -> bool:
        seen.append(what())
        return len(seen) >= looks and seen[-1] is not None and seen[-looks:] == looks * seen[-1:]

    wait_until(same, timeout, sentence)
    return seen[-1]


# What a page shows; null while its script runs, or what fades or slides still does so.
DRAWN = """
() => {
  const running = document.querySelector(".stApp").dataset.testScriptState !== "notRunning";
  const moving = document.getAnimations().some((one) =>
    one.playState === "running" && one.effect.getComputedTiming().endTime < Infinity);
  return running || moving ? null : document.querySelector(".stApp").innerHTML;
}
"""
# Looks in the page itself: a busy page is not asked from outside, and what it shows stays there.
_STANDS_STILL = """
async () => {
  const look = LOOK;
  let last = null;
  let same = 0;
  for (let left = 60; left > 0 && same < 5; left -= 1) {
    const now = look();
    same = now !== null && now === last ? same + 1 : 0;
    last = now;
    await new Promise((done) => setTimeout(done, 80));
  }
  return same === 5;
}
"""


def settle(page: Any, look: str = DRAWN, sentence: str = "The page never stood still") -> None:
    """Wait until the page is drawn: its script has ended and nothing changes for 0.4 s.

    `look` is another function, in JavaScript, of what is to stand still; null for not yet.
    """
    still = _STANDS_STILL.replace("LOOK", look)
    wait_until(lambda: page.evaluate(still), 60, sentence)


def open_page(page: Any, url: str, key: str | None = None) -> None:
    """Open a page and wait until Streamlit has drawn it (and the part `key`, when given)."""
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector('[data-testid="stMain"]', timeout=60_000)
    if key:
        broken = page.locator('[data-testid="stException"]')
        page.locator(f".st-key-{key}").or_(broken).first.wait_for(timeout=60_000)
        assert not broken.count(), f"The page shows an exception:\n{broken.first.inner_text()}"


def press(page: Any, key: str) -> None:
    """Press the button with this key, once it is there and enabled."""
    part(page, key).locator("button").first.click(timeout=20_000)


def status(page: Any) -> str:
    """The one status word that the page shows now, "" for none."""
    text = part(page, "training_status").inner_text(timeout=2000).lower()
    found = [word for word in STATUSES if re.search(rf"\b{word}\b", text)]
    return found[0] if found else ""


def message(page: Any) -> str:
    """What the page says about the run's end: the alerts, and the status container's words."""
    said = page.locator('[data-testid="stMain"] [data-testid="stAlert"]').all_inner_texts()
    return "\n".join([*said, part(page, "training_status").inner_text(timeout=2000)])


def wait_for_status(page: Any, *wanted: str, timeout: float = 60) -> str:
    """Wait until the page shows one of these statuses, and return it."""
    return str(
        wait_until(
            lambda: (word := status(page)) in wanted and word,
            timeout,
            f"The page never said {' or '.join(wanted)}",
        )
    )


def start_training(page: Any) -> None:
    """Press Start and wait until the page shows the new run, where it may show one of before."""
    settle(page)
    menu = part(page, "run_picker").locator("input")

    def shown() -> str:
        return str(menu.first.input_value(timeout=2000)) if menu.count() else ""

    before = shown()
    press(page, "start_training")
    # Nothing is shown for a moment, while the page is drawn anew.
    wait_until(lambda: shown() not in ("", before), 90, "The run of before is still shown")
    # Its status stands below, and is that of the run of before until the page is drawn to its end.
    app = page.locator('.stApp[data-test-script-state="notRunning"]')
    app.wait_for(state="attached", timeout=60_000)


def end_training(page: Any) -> None:
    """Stop the run that the page shows, unless it ends by itself meanwhile; it may not fail."""

    def ended() -> bool:
        said = status(page)
        assert said != "failed", f"The run failed: {message(page)}"
        if said in ("finished", "stopped"):
            return True
        part(page, "stop_training").locator("button").first.click(timeout=2000)
        return False

    wait_until(ended, 60, "The run does not end")


def curves(page: Any, name: str = "loss_chart") -> list[dict[str, Any]]:
    """The traces of a chart as they are in the page: name, x and y."""
    plot = part(page, name).locator(".js-plotly-plot")
    return list(plot.first.evaluate(_CURVES, timeout=2000)) if plot.count() else []


def last_step(page: Any, name: str = "loss_chart") -> float:
    """The furthest step that any trace of the chart has reached; 0 for an empty chart."""
    steps = [x for curve in curves(page, name) for x in curve["x"] if isinstance(x, int | float)]
    return max(steps, default=0)


def step_told(page: Any) -> int:
    """The step that the status says the run has reached; 0 while it says none."""
    text = part(page, "training_status").inner_text(timeout=2000)
    found = re.search(r"step ([\d,]+) of", text)
    return int(found[1].replace(",", "")) if found else 0


def choose_preset(page: Any, name: str) -> None:
    """Choose a preset as a person does: in the menu, or by pressing its button."""
    from mnist_core import PRESET_NOTES

    names = "|".join(re.escape(words) for words in (name, PRESET_NOTES[name].title))
    label = re.compile(rf"^\W*({names})\b", re.IGNORECASE)
    place = part(page, "preset")
    menu = place.get_by_role("combobox").first
    wait_until(
        lambda: menu.is_visible() or place.get_by_text(label).first.is_visible(),
        20,
        "There is nothing to choose a preset with",
    )
    if menu.is_visible():
        menu.scroll_into_view_if_needed()
        # A menu closes when the page scrolls.
        wait_until_still(menu.bounding_box, 10, "The page goes on scrolling", looks=3)
        menu.click()
        page.get_by_role("option", name=label).first.click(timeout=10_000)
    else:
        place.get_by_text(label).first.click(timeout=10_000)


def surface(page: Any) -> Any:
    """What one draws on, by the name that a screen reader says.

    The script that names it puts it in its place as well: what is drawn before that is lost.
    """
    return part(page, "canvas").get_by_role("img", name="Paper to draw digits on")


def draw(page: Any, *strokes: list[tuple[float, float]]) -> None:
    """Draw with the mouse on the canvas; points are shares of its width and height."""
    canvas = surface(page)
    box = wait_until(lambda: canvas.bounding_box(timeout=2000), 30, "There is no paper to draw on")
    assert box["width"] > 80, f"The canvas is too small to draw on: {box}"
    for stroke in strokes:
        points = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(x, y, steps=8)
        page.mouse.up()
        page.wait_for_timeout(150)  # no wait for the page: so long a hand takes to the next stroke


# Null while the canvas, new on the page, has not been painted yet.
_PAINTED = """
(canvas) => canvas.getContext("2d").getImageData(0, 0, 1, 1).data[3] ? canvas.toDataURL() : null
"""


def paper(page: Any) -> FloatArray:
    """What the canvas shows, as grey levels [280, 280] in 0..255."""
    canvas = part(page, "canvas").locator(".lower-canvas.dc-canvas")
    address = wait_until(lambda: canvas.evaluate(_PAINTED), 10, "The paper is not painted")
    data = base64.b64decode(address.partition(",")[2])
    image = Image.open(io.BytesIO(data)).convert("L").resize((280, 280), Image.Resampling.BOX)
    return np.asarray(image, np.float32)


def inked(page: Any) -> float:
    """The share of the paper that is dark."""
    return float((paper(page) < 128).mean())


def wait_for_empty_paper(page: Any) -> None:
    """Wait until nothing is on the paper and nothing is read, as after Clear.

    A stroke on paper that is about to be cleared goes with the rest.
    """
    wait_until(
        lambda: digit_read(page) is None and inked(page) == 0, 20, "There is still a drawing"
    )


def digit_read(page: Any) -> int | None:
    """The digit in the prediction, None while there is none."""
    text = part(page, "prediction").inner_text(timeout=2000)
    found = re.search(r"(?<![\d.,])\d(?![\d.,]*\d|\s*%|[.,])", text)
    return int(found.group()) if found else None


def wait_for_digit(page: Any, digit: int, timeout: float) -> None:
    """Wait until the prediction is this digit."""
    wait_until(lambda: digit_read(page) == digit, timeout, f"The {digit} was not read as a {digit}")


def token(page) -> str:
    found = [c for c in page.context.cookies() if c["name"] == "mnist_lab_visitor"]
    assert len(found) < 2
    return str(found[0]["value"]) if found else ""


def address(page) -> str:
    """What the address bar shows; `page.url` does not follow changes made by script."""
    return str(page.evaluate("location.href"))
