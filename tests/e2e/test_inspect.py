"""Look inside in the browser: checkpoints, a value unfolded in place, saliency, confusion cell."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from benchmarks._digits import DIGITS
from mnist_core import Experiment, load_default_model
from mnist_core.data import mnist
from mnist_core.model.build import build_model
from mnist_core.storage.store import Store
from mnist_core.training.events import Snapshot
from tests.e2e.helpers import (
    choose_preset,
    draw,
    open_page,
    part,
    press,
    settle,
    start_training,
    wait_for_status,
    wait_until,
)
from tests.support.runs_in_store import ended_run

pytestmark = pytest.mark.on("private")


def pixels(page, key):
    """The shades of a pixel view's canvases: changes when what they show changes."""
    return page.evaluate(
        """(key) => {
          const all = (root) => [...root.querySelectorAll("*")].flatMap(
            (e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
          const part = document.querySelector(".st-key-" + key);
          if (!part) return "";
          const found = all(part).filter((e) => e.tagName === "CANVAS");
          return found.map((c) => c.toDataURL()).join("|");
        }""",
        key,
    )


def canvas(page, key, number=0):
    return part(page, key).locator("canvas").nth(number)


def moment(page):
    """What stands over the moment slider's thumb."""
    return part(page, "moment").get_by_test_id("stSliderThumbValue").inner_text(timeout=2000)


def heading(page):
    """What the arithmetic says it is about: "conv_1, map 3, row 5, column 8"."""
    found = page.get_by_text(re.compile(r"^\w+(:\w+)?, (map|number) \d+"))
    said = found.first.inner_text(timeout=2000) if found.count() else ""
    return str(said.partition(" = ")[0])


@pytest.mark.timeout(300)
def test_a_learner_looks_inside_the_network_just_trained(server, page):
    open_page(page, f"{server.url}/train?preset=fast-99", "start_training")
    choose_preset(page, "two-layer")
    start_training(page)
    wait_for_status(page, "running", "finished", timeout=90)
    # While it trains: the page follows the newest moment. By the menu it would open on the run of
    # another test until this one has learned something.
    network = part(page, "live_network")
    network.get_by_role("button", name="Look inside").click(timeout=60_000)
    wait_until(lambda: canvas(page, "feature_maps").count(), 60, "No layer was opened")
    wait_until(lambda: heading(page), 20, "No arithmetic was shown")
    wait_until(lambda: "epoch 5 " in moment(page), 90, "The moment did not follow")
    settle(page)

    # The moment: back to before the training, the pictures change and come back.
    trained = pixels(page, "feature_maps")
    slider = part(page, "moment").get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    wait_until(
        lambda: pixels(page, "feature_maps") != trained and "before" in moment(page),
        20,
        "The moment changed nothing",
    )
    # Play goes through all moments, although the browser's slider lags behind.
    press(page, "checkpoint_play")
    wait_until(lambda: "before" not in moment(page), 20, "Play did not start")
    wait_until(lambda: "epoch 5 " in moment(page), 90, "Play did not arrive at the last moment")
    wait_until(lambda: pixels(page, "feature_maps") == trained, 20, "The pictures did not follow")
    slider.focus()
    page.keyboard.press("Home")
    wait_until(lambda: "before" in moment(page), 20, "The slider did not go to its start")
    settle(page)
    slider.focus()
    page.keyboard.press("End")
    wait_until(lambda: pixels(page, "feature_maps") == trained, 20, "The slider did not go back")

    # One value's arithmetic: press another, the sum is that one's.
    before = heading(page)
    box = canvas(page, "feature_maps", 1).bounding_box()
    spot = {"x": box["width"] * 0.95, "y": box["height"] * 0.95}
    canvas(page, "feature_maps", 1).click(position=spot)
    wait_until(lambda: heading(page) not in ("", before), 20, "A press explained nothing")

    # Backward: saliency over the digit, another for another digit.
    page.get_by_role("radio", name="Backward").or_(
        page.get_by_role("button", name="Backward")
    ).first.click()
    shown = wait_until(lambda: pixels(page, "saliency"), 30, "There is no saliency map")
    press(page, "next_image")
    wait_until(lambda: pixels(page, "saliency") not in ("", shown), 20, "It did not change")

    # Mistakes: a cell of the confusion matrix shows its images.
    page.get_by_text("Mistakes", exact=True).first.click()
    wait_until(lambda: canvas(page, "confusion_images").count(), 60, "No mistakes were shown")
    plot = part(page, "confusion_matrix").locator(".nsewdrag").first
    area = wait_until(plot.bounding_box, 20, "There is no confusion matrix")
    # Row 4, column 9: a 4 read as a 9.
    plot.click(position={"x": area["width"] * 0.95, "y": area["height"] * 0.45})
    wait_until(
        lambda: page.get_by_text(re.compile(r"^4 read as 9: \d+ image")).count(),
        20,
        "The cell's images did not appear",
    )
    assert "/inspect?" in page.evaluate("location.href")


@pytest.mark.timeout(120)
def test_a_value_unfolds_on_the_screen_of_its_pixel(server, page):
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, f"{server.url}/inspect?run=default&image=18", "feature_maps")
    maps = canvas(page, "feature_maps", 1)
    expect(maps).to_be_visible(timeout=60_000)
    settle(page)
    # Pointing at a pixel shows where it comes from, before anything is clicked.
    box = maps.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    tip = part(page, "feature_maps").locator(".tip")
    expect(tip).to_contain_text("products, input × weight")
    expect(part(page, "feature_maps").locator("svg.links line")).to_have_count(2)

    # A click unfolds its sum on the same screen, and the sum is the network's own.
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    pointed = re.search(r"map (\d+)\s+row (\d+), column (\d+)", tip.inner_text())
    channel, row, column = (int(number) for number in pointed.groups())
    told = page.get_by_text(re.compile(rf"map {channel}, row {row}, column {column} = "))
    expect(told).to_be_visible()
    assert 0 < told.bounding_box()["y"] < 768 and box["y"] < 768
    ends = part(page, "value").locator(".end.last")
    assert ends.bounding_box()["y"] + ends.bounding_box()["height"] <= 768
    layer, value = re.match(r"(\w+).* = (\S+)", told.inner_text()).groups()
    assert float(value.replace("−", "-")) == pytest.approx(
        _by_keras(layer, row, column, channel), abs=1e-5
    )


def _by_keras(layer: str, row: int, column: int, channel: int) -> float:
    """The value before the activation of the default model for test image 18."""
    import keras

    model = load_default_model()
    found = model.get_layer(layer)
    image = mnist.ink(mnist.load().x_test[18:19])[..., None]
    received = keras.Model(model.inputs, found.input)(image)
    sums = keras.ops.conv(received, found.kernel, found.strides, found.padding) + (
        0 if found.bias is None else found.bias
    )
    return float(np.asarray(sums)[0, row, column, channel])


@pytest.mark.timeout(120)
def test_each_of_a_few_inputs_is_told_apart(server, page):
    experiment = Experiment.from_query("layers=flatten;dense(units:12)")
    store = Store(home=server.home)
    run = store.create_run(experiment)
    weights = build_model(experiment.network, 0).get_weights()
    store.record(run, Snapshot(0, 0.0, tuple(weights), 0.1))
    store.set_status(run, "stopped")
    store.close()
    open_page(page, f"{server.url}/inspect?run={run}&layer=logits&image=18", "feature_maps")
    source, target = canvas(page, "feature_maps"), canvas(page, "feature_maps", 1)
    expect(target).to_be_visible(timeout=60_000)
    settle(page)
    box = target.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    tip = part(page, "feature_maps").locator(".tip")
    expect(tip).to_contain_text(re.compile(r"input \d+: "))
    area = source.bounding_box()
    starts = (
        part(page, "feature_maps")
        .locator("svg.links line")
        .evaluate_all(
            """lines => lines.map(line => {
          const box = line.ownerSVGElement.getBoundingClientRect();
          return [box.x + line.x1.baseVal.value, box.y + line.y1.baseVal.value];
        })"""
        )
    )
    assert starts and all(
        0 <= x - area["x"] <= area["width"] and 0 <= y - area["y"] <= area["height"]
        for x, y in starts
    )
    # The second of the values received opens as number 1 of the layer before.
    page.mouse.click(area["x"] + 80, area["y"] + 20)
    expect(page.get_by_text(re.compile(r"^dense_2:relu, number 1 = "))).to_be_visible(
        timeout=20_000
    )


@pytest.mark.timeout(120)
def test_a_drawing_is_made_and_read_in_the_page(server, page):
    open_page(page, f"{server.url}/inspect?run=default", "feature_maps")
    page.get_by_text("My drawing", exact=True).click()
    expect(page.get_by_text("Draw a digit on the paper")).to_be_visible(timeout=20_000)
    draw(page, *DIGITS[3])
    best = part(page, "network_strip").locator(".best").first
    expect(best).to_have_text("3", timeout=60_000)
    press(page, "clear_canvas")
    expect(page.get_by_text("Draw a digit on the paper")).to_be_visible(timeout=20_000)


@pytest.mark.timeout(120)
def test_a_link_opens_the_same_place(server, page):
    open_page(page, f"{server.url}/inspect?run=default&view=weights&image=18", "weight_images")
    wait_until(lambda: canvas(page, "weight_images").count(), 60, "No weights were drawn")
    caption = part(page, "inspect_input").get_by_text("Test image 18")
    wait_until(caption.count, 20, "The link's image is not shown")
    page.reload()
    wait_until(lambda: canvas(page, "weight_images").count(), 60, "A reload lost the view")


def test_the_next_image_leaves_the_network_s_row_as_it_is(server, page):
    sent: list[bytes] = []

    def take(data: bytes) -> None:
        sent.append(data)

    page.on("websocket", lambda socket: socket.on("framereceived", take))
    open_page(page, f"{server.url}/inspect?run=default&view=weights&image=18", "weight_images")
    caption = part(page, "inspect_input").get_by_text("Test image 19")
    settle(page)
    assert b"inspect-run" in b"".join(sent)
    sent.clear()
    press(page, "next_image")
    wait_until(caption.count, 20, "The next image is not shown")
    settle(page)
    again = b"".join(sent)
    assert b"next_image" in again and b"inspect-run" not in again


def test_what_a_network_was_not_asked_is_asked_anew(server, page):
    """A switch that another network lacks is off when it comes back, as it is shown."""
    store = Store(home=server.home)
    dense = ended_run(store)
    store.close()
    open_page(page, f"{server.url}/inspect?run=default&view=network", "feature_maps")
    strongest = part(page, "inspect-sorted").locator("input")
    part(page, "inspect-sorted").locator("label").click()
    expect(strongest).to_be_checked()
    settle(page)
    shown = pixels(page, "feature_maps")
    menu = part(page, "run_picker").locator("input")
    for name, label in ((dense, "small"), ("default", "Default model")):
        menu.fill(label)
        menu.press("Enter")
        expect(page).to_have_url(re.compile(f"run={name}"), timeout=20_000)
        expect(strongest).to_have_count(int(name == "default"), timeout=20_000)
        settle(page)
    expect(strongest).not_to_be_checked()
    wait_until(lambda: pixels(page, "feature_maps") != shown, 20, "The maps are still sorted")


def test_a_run_deleted_elsewhere_gives_way_to_another_at_the_next_press(server, page):
    store = Store(home=server.home)
    run_id = ended_run(store)
    open_page(page, f"{server.url}/inspect?run={run_id}&view=weights", "next_image")
    store.delete(run_id)
    store.close()
    told = page.get_by_text("That run is no longer here")

    def said_after_a_press() -> bool:
        press(page, "next_image")
        return told.is_visible()

    wait_until(said_after_a_press, 20, "The page stays with a run that has been deleted")
    expect(page).not_to_have_url(re.compile(run_id))


_BUTTONS_OVER_LEGEND = """(plot) => {
  const box = (part) => part.getBoundingClientRect();
  const meet = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const buttons = box(plot.querySelector(".modebar"));
  const others = [...plot.querySelectorAll(".legend .traces, .gtitle")];
  return others.some((one) => meet(box(one), buttons));
}"""


def test_a_chart_s_buttons_come_on_hover_and_leave_its_legend_free(server, page):
    open_page(page, f"{server.url}/inspect?run=default&view=weights", "weight_images")
    plot = page.locator(".js-plotly-plot").first
    buttons = plot.locator(".modebar-group").first
    buttons.wait_for(state="attached", timeout=60_000)
    page.mouse.move(1, 1)
    expect(buttons).to_have_css("opacity", "0")
    plot.hover()
    expect(buttons).to_have_css("opacity", "1")
    assert not plot.evaluate(_BUTTONS_OVER_LEGEND)
