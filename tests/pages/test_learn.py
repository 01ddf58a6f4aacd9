"""The Learn page by Streamlit's AppTest: chapters, questions, links, progress, computed numbers."""

from __future__ import annotations

import base64
import json
import math
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment
from mnist_core.base.paths import REPOSITORY
from mnist_core.data import mnist
from mnist_core.experiment.activations import ACTIVATIONS
from mnist_core.figures.lesson.descent import descent_losses
from mnist_core.lesson import recordings
from mnist_core.lesson.numpy_net import convolve, forward
from pages.session import lesson_digit
from pages.views.learn import backward, chain, convolution, descent, fitting, layers, words
from pages.views.learn.contents import CHAPTERS
from pages.views.learn.glossary import TERMS
from pages.views.learn.parts import train_link
from pages.views.learn.progress import Progress, merge


def open_page(**query: str) -> AppTest:
    st.cache_resource.clear()
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def numbers(values: Any) -> np.ndarray:
    """An array as Plotly writes it: a list, or base64."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), np.dtype(values["dtype"]))
    return np.array(values)


def written(app: AppTest) -> str:
    return "\n".join(item.value for kind in (app.markdown, app.latex, app.caption) for item in kind)


def shown(app: AppTest) -> list[dict[str, Any]]:
    """What the browser gets for each player and each figure that follows one."""
    found = [json.loads(item.proto.json) for item in app.get("bidi_component") if item.proto.json]
    return [data for data in found if isinstance(data, dict) and "clock" in data]


def moving(app: AppTest, kind: str, clock: str) -> dict[str, Any]:
    """The data with the key `kind` of what follows the player `clock`, or of the player ("run")."""
    return next(data for data in shown(app) if data["clock"] == clock and kind in data)


def test_the_opening_shows_nine_chapters_and_one_way_to_begin_training():
    app = open_page()
    assert app.title[0].value.startswith("Learn how neural networks work")
    links = [item.proto for item in app.get("page_link")]
    labels = " ".join(link.label for link in links)
    for entry in CHAPTERS:
        assert f"{entry.number}  {entry.title}" in labels
    assert "Begin with chapter 1" in labels
    assert not any(link.page == "train" for link in links)
    assert [button.key for button in app.button if "rain" in button.label] == ["tour_train"]


def test_the_lesson_does_not_load_tensorflow():
    names = [f"pages.views.learn.{entry.module}" for entry in CHAPTERS]
    code = f"import sys, pages.views.learn.home, {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "plotly" in loaded and not {"tensorflow", "keras", "torch"} & loaded


def test_an_address_of_no_chapter_is_a_sentence():
    app = open_page(chapter="12")
    assert "The lesson has 9 chapters" in app.warning[0].value
    assert app.title


@pytest.mark.parametrize("entry", CHAPTERS, ids=lambda entry: entry.module)
def test_each_chapter_has_all_its_parts(entry):
    app = open_page(chapter=str(entry.number))
    assert app.header[0].value == f"{entry.number}  {entry.title}"
    text = written(app)
    assert "**Try this.**" in text and "**Question.**" in text and "**Now for real**" in text
    radio = next(item for item in app.radio if item.label == "Your answer")
    assert 2 <= len(radio.options) <= 4
    assert {"text", "figure", "try_this", "question", "links"} <= set(vars(entry.open()))


@pytest.mark.parametrize("entry", CHAPTERS, ids=lambda entry: entry.module)
def test_each_answer_is_explained_and_exactly_one_is_right(entry):
    asked = entry.open().question
    assert sum(option.right for option in asked.options) == 1
    app = open_page(chapter=str(entry.number))
    for option in asked.options:
        radio = next(item for item in app.radio if item.label == "Your answer")
        radio.set_value(option.text).run()
        assert not app.exception
        told = app.success if option.right else app.warning
        assert any(option.reply in item.value for item in told)
    last = len(asked.options) - 1
    assert app.session_state.lesson_progress.answers == {entry.number: last}


@pytest.mark.parametrize("entry", CHAPTERS, ids=lambda entry: entry.module)
def test_links_open_experiments_that_exist(entry):
    links = entry.open().links
    assert links
    for link in links:
        if link.page == "pages/train.py":
            Experiment.from_query(link.query)
        elif link.page == "pages/inspect.py" and "image" in link.query:
            assert 0 <= int(link.query["image"]) < 10_000


def test_a_train_link_holds_exactly_its_experiment():
    for experiment in [*PRESETS.values(), *recordings.FITS.values(), recordings.SMALL]:
        query = train_link("", experiment).query
        assert Experiment.from_query(query) == experiment


def test_the_lesson_is_printed_with_or_without_its_answers():
    app = open_page(chapter="all")
    replies = [option.reply for entry in CHAPTERS for option in entry.open().question.options]
    printed = "\n".join(item.value for item in app.markdown)
    assert all(reply in printed for reply in replies)
    app.toggle(key="print_answers").set_value(False).run()
    printed = "\n".join(item.value for item in app.markdown)
    assert not any(reply in printed for reply in replies) and ":material/check:" not in printed
    assert printed.count("check_box_outline_blank") == len(replies)


def test_no_term_is_used_before_the_chapter_that_explains_it():
    used: dict[str, int] = {}
    for entry in CHAPTERS:
        text = words_of(open_page(chapter=str(entry.number)), entry)
        for term in TERMS:
            if re.search(rf"\b{re.escape(term.name)}s?\b", text, re.IGNORECASE):
                used.setdefault(term.name, entry.number)
    early = {term.name: used[term.name] for term in TERMS if used[term.name] < term.chapter}
    assert used.keys() == {term.name for term in TERMS} and not early


def words_of(app: AppTest, entry) -> str:
    """What a chapter says, without the glossary and the titles of other chapters."""
    chapter = entry.open()
    widgets = [*app.slider, *app.select_slider, *app.button, *app.number_input, *app.toggle]
    said = [line for line in written(app).split("\n") if not line.startswith("- **")]
    said += [widget.label for widget in widgets] + [link.label for link in chapter.links]
    said += [f"{option.text} {option.reply}" for option in chapter.question.options]
    return " ".join(said)


def test_progress_is_shown_and_can_be_forgotten():
    app = open_page(chapter="3")
    app.query_params.clear()
    app.run()
    assert "Chapters seen: 1 of 9" in written(app)
    app.button(key="forget_progress").click().run()
    assert app.session_state.lesson_progress == Progress(era=1)
    assert "Chapters seen" not in written(app)
    app.button(key="bring_back_progress").click().run()
    assert app.session_state.lesson_progress == Progress(era=2, visited={3})


def test_what_the_browser_kept_joins_what_the_session_knows():
    mine = Progress(0, {3}, {3: 1})
    merge(mine, {"era": 0, "visited": [1, 3], "answers": {"1": 2, "3": 0}})
    assert mine == Progress(0, {1, 3}, {1: 2, 3: 1})
    merge(mine, {"era": 2, "visited": [5], "answers": {}})
    assert mine == Progress(2, {5}, {})
    merge(mine, {"era": 1, "visited": [1], "answers": {}})  # older: forgotten since
    assert mine == Progress(2, {5}, {})


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "text",
        {"era": "x"},
        {"era": 0, "visited": "all", "answers": [1]},
        {"era": 0, "visited": [99, "1", None, [1]], "answers": {"x": 1, "1": 99, "2": "a"}},
    ],
)
def test_a_browser_that_kept_nonsense_changes_nothing(kept):
    mine = Progress(0, {3}, {3: 1})
    merge(mine, kept)
    assert mine == Progress(0, {3}, {3: 1})


def test_the_whole_lesson_is_one_page_with_answers_and_glossary():
    app = open_page(chapter="all")
    assert len(app.header) == len(CHAPTERS) + 1
    text = written(app)
    for entry in CHAPTERS:
        right = next(option for option in entry.open().question.options if option.right)
        assert right.reply in text
    assert all(f"**{term.name}**" in text for term in TERMS)


def test_a_missing_recording_is_a_sentence_in_its_chapter(tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "FILE", tmp_path / "recorded_runs.npz")
    recordings._read.cache_clear()
    try:
        app = open_page(chapter="9")
    finally:
        recordings._read.cache_clear()
    assert "recorded_runs.npz is missing" in app.error[0].value


# --- Chapter by chapter: what is on screen is computed -------------------------------------------


def test_zeros_and_ones_can_be_parted_by_two_pixels_but_not_without_a_bias():
    known, data = recordings.pairs(), mnist.load()
    found = {tuple(recordings.pair_of(image).round(2)) for image in data.x_test[:2000]}
    assert {tuple(point.round(2)) for point in known.points} <= found
    angles = np.linspace(0, 2 * np.pi, 720)
    along = known.points @ np.stack([np.cos(angles), np.sin(angles)])
    assert ((along > 0) == known.ones[:, None]).all(axis=0).sum() == 0
    assert (along[known.ones].min(axis=0) > along[~known.ones].max(axis=0)).any()
    read = forward(known.layers, known.points).logits.argmax(1) == 0
    assert (read == known.ones).all()


def test_the_curve_that_the_neuron_looks_up_is_its_activation():
    app = open_page(chapter="1")
    data = next(
        data
        for item in app.get("bidi_component")
        if "curves" in (data := json.loads(item.proto.json or "{}"))
    )
    for name, curve in data["curves"].items():
        z = curve["low"] + curve["step"] * np.arange(len(curve["values"]))
        assert z[0] <= -9 and z[-1] >= 9  # the largest sum of two inputs, their weights and a bias
        np.testing.assert_allclose(curve["values"], ACTIVATIONS[name].value(z), atol=1e-5)


def test_a_chosen_digit_goes_through_the_chapters_and_on_to_look_inside():
    app = open_page(chapter="1")
    choice = next(item for item in app.button_group if item.key == "lesson_digit_choice")
    choice.set_value(7).run()
    seven = lesson_digit.choices()[7]
    for number in ("1", "3", "5", "8"):
        app.query_params["chapter"] = number
        app.run()
        assert not app.exception
        choice = next(item for item in app.button_group if item.key == "lesson_digit_choice")
        assert choice.value == 7
    assert "A 7" in moving(app, "padded", "slide")["name"]
    assert app.session_state.inspect_place.index == seven.index
    app.query_params["chapter"] = "5"
    app.run()
    links = [item.proto for item in app.get("page_link")]
    assert any(f"image={seven.index}" in link.query_string for link in links)


def test_linear_layers_collapse_on_screen():
    app = open_page(chapter="2")
    assert "layers are one" not in written(app)
    next(item for item in app.button_group if item.key == "bend").set_value("linear").run()
    assert "layers are one" in written(app)
    for frame in json.loads(moving(app, "figure", "stack")["figure"])["frames"]:
        stack, one = (numbers(trace["y"]) for trace in frame["data"])
        np.testing.assert_allclose(stack, one, atol=2e-4)


def test_a_slider_of_an_activation_says_what_it_computes():
    app = open_page(chapter="2")
    names = moving(app, "run", "bend")["names"]
    assert names[50] == "z = 1.0: φ(z) = 1.000, slope 1.000"
    assert names[0] == "z = −4.0: φ(z) = 0.000, slope 0.000"


def test_the_hidden_neuron_shown_first_answers_to_the_digit_that_it_votes_for():
    found = recordings.neurons()
    first = layers.clearest(found)
    assert found.means[first].argmax() == found.net.layers[1].weights[first].argmax()


def test_parameters_are_counted_live():
    app = open_page(chapter="3")
    app.select_slider(key="net_units").set_value(64).run()
    app.slider(key="net_depth").set_value(2).run()
    expected = 785 * 64 + 65 * 64 + 65 * 10
    assert f"{expected:,}".replace(",", "{,}") in written(app)


def test_the_growing_network_counts_the_parameters_of_the_real_one():
    stages = moving(open_page(chapter="3"), "run", "growth")["names"]
    assert stages[-1].endswith(f"{recordings.SMALL.network.parameters} parameters")


def first_example() -> chain.Example:
    return chain.example(0, *backward.pair_input(lesson_digit.lesson_digit()))


def test_a_predicted_gradient_is_checked():
    found = first_example()
    steps = chain.steps(found)
    app = open_page(chapter="6")
    app.number_input(key="chain_guess_0").set_value(round(-steps[0].value, 3))
    next(item for item in app.button if item.label == "Check").click().run()
    assert "the sign is not" in app.warning[0].value
    app.number_input(key="chain_guess_0").set_value(round(steps[0].value, 3))
    next(item for item in app.button if item.label == "Check").click().run()
    assert any("Right" in item.value for item in app.success)
    assert words.tex(steps[0].value, 3) in written(app)


def test_the_chain_can_be_stepped_to_its_end():
    app = open_page(chapter="6")
    for _ in chain.steps(first_example()):
        app.button(key="chain_show").click().run()
        app.button(key="chain_next").click().run()
        assert not app.exception
    assert "All gradients are found" in written(app)
    app.button(key="chain_renew").click().run()
    assert "Step 1 of" in written(app)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("label", [0, 1])
def test_each_step_of_the_chain_is_what_nudging_the_weight_finds(seed, label):
    found = chain.example(seed, label, (0.72, 0.13))
    steps = chain.steps(found)
    assert [step.part[0] for step in steps[:2]] == ["o", "o"]
    edges = [step for step in steps if isinstance(step.part, tuple)]
    assert len(edges) == 8
    for step in edges:
        assert chain.nudged(found, step.part) == pytest.approx(step.value, abs=1e-6)
    for step in steps:
        numbers = step.numbers.replace(r"\cdot", "*")
        computed = eval(numbers, {"__builtins__": {}})
        assert computed == pytest.approx(step.value, abs=4e-3)
    assert chain.loss_after_step(found, 0.5) < found.loss


def test_verdicts_tell_sign_and_size():
    assert chain.verdict(0.301, 0.3)[0]
    assert "sign is not" in chain.verdict(-0.3, 0.3)[1]
    assert "too large" in chain.verdict(0.9, 0.3)[1]
    assert "too small" in chain.verdict(0.1, 0.3)[1]
    assert not chain.verdict(0.33, 0.3)[0]


def test_descent_without_an_optimiser_is_an_invitation():
    app = open_page(chapter="7")
    next(item for item in app.button_group if item.key == "descent_names").set_value([]).run()
    assert not app.exception and "at least one optimiser" in app.info[0].value


def test_one_ball_descends_for_each_optimiser():
    figure = json.loads(moving(open_page(chapter="7"), "figure", "descent")["figure"])
    balls = [trace for trace in figure["data"] if (trace.get("meta") or {}).get("ball")]
    assert len(balls) == 3
    steps = moving(open_page(chapter="7"), "run", "descent")["length"]
    assert all(len(numbers(ball["x"])) == steps + 1 for ball in balls)


@pytest.mark.parametrize("top", [1e-3, 0.5, 4.0, 1e3, 1e12, 1e40])
def test_ticks_of_losses_are_few_and_within_their_axis(top):
    losses = {"sgd": np.geomspace(top, min(0.114, top), 40)}
    axis = descent_losses(losses, {"sgd": "SGD"}, 1).layout.yaxis
    assert 1 <= len(axis.tickvals) <= 9
    low, high = axis.range
    assert all(low <= np.log10(value) <= high for value in axis.tickvals)


def test_a_leap_out_of_the_valley_is_told():
    app = open_page(chapter="7")
    app.select_slider(key="descent_rate").set_value(1.0).run()
    assert "diverged" in written(app)


def test_an_own_kernel_computes_what_it_says():
    app = open_page(chapter="8")
    next(item for item in app.button_group if item.key == "conv_kernel").set_value("own").run()
    for row in range(convolution.SIZE):
        for column in range(convolution.SIZE):
            app.number_input(key=f"conv_own_{row}{column}").set_value(0.0)
    app.run()
    assert not app.exception and not np.any(moving(app, "padded", "slide")["map"])
    app.number_input(key="conv_own_11").set_value(-3.0).run()  # the pixel itself, times −3
    image = lesson_digit.lesson_digit().image / 255.0
    found = moving(app, "padded", "slide")["map"]
    np.testing.assert_allclose(found, -3 * image[1:-1, 1:-1], atol=1e-4)


def test_the_kernel_visits_each_place_and_ends_at_the_strongest_answer():
    app = open_page(chapter="8")
    data, player = moving(app, "padded", "slide"), moving(app, "run", "slide")
    row, column = np.unravel_index(np.abs(data["map"]).argmax(), (26, 26))
    assert data["best"] == [row, column] and player["length"] == 26 * 26
    assert player["names"][26 * 4 + 9] == "Row 5, column 10"
    assert player["names"][-1] == f"Row {row + 1}, column {column + 1}"


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_stride_and_padding_shows_a_map(stride, padding):
    app = open_page(chapter="8")
    groups = {item.key: item for item in app.button_group}
    groups["conv_stride"].set_value(stride)
    groups["conv_padding"].set_value(padding)
    app.run()
    size = -(-28 // stride) if padding == "same" else (28 - 3) // stride + 1
    assert not app.exception and f"The map is {size}×{size}" in written(app)
    data = moving(app, "padded", "slide")
    image = lesson_digit.lesson_digit().image / 255.0
    expected = convolve(image, np.array(data["kernel"]), stride, padding)
    np.testing.assert_allclose(data["map"], expected, atol=1e-4)
    # The script multiplies what lies under the kernel: the corner that it takes is the right one.
    corner = np.array(data["padded"])[-3:, -3:]
    if stride == 1:
        assert (corner * data["kernel"]).sum() == pytest.approx(expected[-1, -1], abs=1e-3)


def test_the_start_of_a_descent_can_be_set_without_a_mouse():
    app = open_page(chapter="7")
    before = app.session_state.descent_wb_w
    app.slider(key="descent_wb_w").set_value(2.0).run()
    assert not app.exception and before != app.session_state.descent_wb_w == 2.0


def test_a_pressed_point_moves_the_start_by_finite_numbers_alone():
    scene = descent.scenes()["line"]
    w, b = "descent_wb_w", "descent_wb_b"
    assert descent.start_at(scene, {"x": 1.26, "y": -99}) == {w: 1.3, b: scene.q[0]}
    assert descent.start_at(scene, {"x": 10**400, "y": 1}) == {w: scene.p[1], b: 1.0}
    for junk in (math.nan, math.inf, "1", None, [1]):
        assert descent.start_at(scene, {"x": junk, "y": 1}) == {b: 1.0}
    assert descent.start_at(scene, {}) == {}


def test_overfitting_shows_on_the_axis_of_the_losses():
    figure = json.loads(moving(open_page(chapter="9"), "figure", "fit")["figure"])
    low, high = figure["layout"]["yaxis"]["range"]
    assert low == 0 and figure["layout"]["yaxis"].get("type") != "log"
    values = recordings.fit_curves()["plain"].val_loss
    assert values.max() < high and values[-1] - values.min() > 0.12 * (high - low)


def test_early_stopping_waits_for_its_patience():
    loss = np.array([1.0, 0.8, 0.9, 0.7, 0.8, 0.9, 1.0])
    assert fitting.early_stop(loss, 1) == 3
    assert fitting.early_stop(loss, 2) == 6
    assert fitting.early_stop(loss, 3) == 7
    assert fitting.early_stop(loss, 4) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.00"),
        (-0.001, r"-1.0 \cdot 10^{-3}"),
        (1.5, "1.50"),
        (-2.0, "-2.00"),
        (1e8, r"1.0 \cdot 10^{8}"),
        (float("inf"), r"\infty"),
    ],
)
def test_numbers_in_formulas(value, expected):
    assert words.tex(value) == expected
