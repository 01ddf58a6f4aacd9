"""The page Look inside by Streamlit's AppTest: each view, and networks that cannot be shown."""

from __future__ import annotations

import math
import re
from concurrent.futures import wait
from contextlib import nullcontext

import numpy as np
import plotly.graph_objects as go
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core import PRESETS, Experiment
from mnist_core.base import computing
from mnist_core.base.paths import REPOSITORY
from mnist_core.base.sandbox import ProcessCrashed
from mnist_core.data import mnist
from mnist_core.inspection.activations import probe
from mnist_core.model.build import build_model
from mnist_core.storage.store import SnapshotInfo, Store
from mnist_core.training.events import Failed, Finished, Snapshot, Started, Steps
from pages.session import network_choice
from pages.session.inspect_state import PLAY_SECONDS, VIEWS
from pages.session.network_choice import snapshot_label
from pages.views.inspect import mistakes
from pages.widgets import progress_notes
from tests.support.every_layer import EVERY_LAYER
from tests.support.runs_in_store import ended_run

SMALL = Experiment.from_query(
    "layers=conv(filters:4,stride:2);max_pool;flatten;dense(units:12,activation:sigmoid)&epochs=1"
)


def open_page(**query: str) -> AppTest:
    st.cache_resource.clear()
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
    app.switch_page("pages/inspect.py")
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def make_run(experiment: Experiment, *, seeds: tuple[int, ...] = (0, 1)) -> str:
    """A run with a snapshot for each seed: weights as they are before training."""
    store = Store()
    run = store.create_run(experiment)
    store.record(run, Started(100, 100, 1, "float32", 0))
    for step, seed in enumerate(seeds):
        weights = tuple(build_model(experiment.network, seed).get_weights())
        store.record(run, Snapshot(10 * step, step / 10, weights, 0.1 * step))
    return run


def said(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.latex, app.info, app.warning, app.error, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("preset", ["small", "two-layer"])
def test_each_view_shows_each_kind_of_network(view: str, preset: str) -> None:
    run = make_run(SMALL if preset == "small" else PRESETS[preset])
    app = open_page(run=run, view=view, image="5")
    assert not app.exception, app.exception
    assert not app.error and not app.warning
    assert app.query_params["view"] == view and app.query_params["run"] == run


@pytest.fixture
def laid_out(monkeypatch):
    """The page once t-SNE has ended in `found`, and the figures that it shows by their keys."""

    def laid_out(found: np.ndarray | Exception) -> tuple[AppTest, dict[str, go.Figure]]:
        def tsne(features, *_: object) -> np.ndarray:
            assert len(features) == mistakes.EMBEDDED
            if isinstance(found, Exception):
                raise found
            return found

        figures: dict[str, go.Figure] = {}
        app = open_page(run=make_run(SMALL, seeds=(0,)), view="mistakes")
        monkeypatch.setattr(mistakes, "tsne", tsne)
        monkeypatch.setattr(
            mistakes, "live_figure", lambda figure, key, *_, **__: figures.update({key: figure})
        )
        layout = next(item for item in app.button_group if item.key == "inspect-layout")
        layout.set_value(mistakes.TSNE).run()
        wait([app.session_state["work_t-SNE"][1]], timeout=60)
        figures.clear()
        app.run()
        assert not app.exception, app.exception
        return app, figures

    return laid_out


def test_t_sne_shows_its_points(laid_out) -> None:
    points = np.arange(2.0 * mistakes.EMBEDDED).reshape(-1, 2)
    _, figures = laid_out(points)
    shown = [
        pair for trace in figures["embedding"].data for pair in zip(trace.x, trace.y, strict=True)
    ]
    assert set(map(tuple, points)) <= set(shown)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("There are too few images."), "There are too few images."),
        (MemoryError(), "t-SNE needs more memory than there is."),
    ],
)
def test_t_sne_that_fails_is_a_sentence(laid_out, error: Exception, sentence: str) -> None:
    app, figures = laid_out(error)
    assert sentence in [info.value for info in app.info] and "embedding" not in figures


def test_a_network_without_convolutions_says_so_instead_of_grad_cam() -> None:
    app = open_page(run=make_run(PRESETS["two-layer"]), view="backward")
    assert "Grad-CAM needs a convolution" in said(app)
    assert "Grad-CAM needs" not in said(open_page(run=make_run(SMALL), view="backward"))


def test_a_loss_near_zero_is_that_of_the_probability_beside_it() -> None:
    app = open_page(run="default", view="backward", image="0")
    told = next(item.value.strip("$\n ") for item in app.latex if "L = " in item.value)
    rest, loss = re.fullmatch(r"L = -\\ln p_\{7\} = -\\ln \(1 - (.+)\) = (.+)", told).groups()
    rest, loss = (float(n.replace(r" \times 10^{", "e").rstrip("}")) for n in (rest, loss))
    assert 0 < loss < 0.01 and -math.log1p(-rest) == pytest.approx(loss, rel=2e-3)


def test_the_arithmetic_is_the_networks_own() -> None:
    run = make_run(SMALL, seeds=(4,))
    app = open_page(run=run, view="arithmetic", layer="logits", image="3")
    assert not app.exception, app.exception
    model = build_model(SMALL.network, 4)
    image = mnist.load().x_test[3][None, ..., None] / np.float32(255)
    probabilities = np.asarray(model(image), np.float64)[0]
    # Logits are the logarithms of the probabilities but for a constant; the largest is shown.
    text = next(m.value for m in app.markdown if "logits, number" in m.value)
    number, value = text.split("number ")[1].split("**")[0], float(text.split("= ")[1])
    assert int(number) == int(probabilities.argmax())
    import keras

    logits = keras.Model(model.input, model.get_layer("logits").output)(image)
    assert value == pytest.approx(float(np.asarray(logits)[0, int(number)]), rel=1e-4)


def test_every_layer_can_be_opened() -> None:
    every = EVERY_LAYER
    run = make_run(Experiment(network=every), seeds=(0,))
    names = [layer.name for layer in probe(every).layers]
    assert {layer.kind for layer in probe(every).layers} >= {"batch_norm", "flatten", "dropout"}
    app = open_page(run=run, view="arithmetic", layer=names[0])
    for name in names:
        app.query_params["layer"] = name
        app.run()
        assert not app.exception, (name, app.exception)
        assert f"**{name}" in said(app)


def test_weights_of_any_size_can_be_typed_over() -> None:
    run = make_run(SMALL, seeds=(0,))
    weights = [w * 1000 for w in build_model(SMALL.network, 0).get_weights()]
    Store().record(run, Snapshot(10, 0.1, tuple(weights), 0.1))
    app = open_page(run=run, view="edit")
    assert not app.exception, app.exception
    assert not app.error


@pytest.mark.parametrize("view", ["network", "mistakes", "robustness", "edit"])
def test_weights_whose_outputs_overflow_have_diverged(view: str) -> None:
    shallow = PRESETS["two-layer"]
    run = make_run(shallow, seeds=(0,))
    weights = [w * np.float32(1e30) for w in build_model(shallow.network, 0).get_weights()]
    assert all(np.isfinite(array).all() for array in weights)
    Store().record(run, Snapshot(10, 0.1, tuple(weights), 0.1))
    app = open_page(run=run, view=view)
    assert not app.exception, app.exception
    assert "diverged" in said(app)


def test_a_misread_image_of_a_run_deleted_meanwhile() -> None:
    app = open_page(run=make_run(SMALL))
    Store().delete(app.query_params["run"])
    st.cache_resource.clear()
    app.button(key="next_mistake").click().run()
    assert not app.exception, app.exception
    assert "no longer here" in said(app)


def test_a_crash_of_what_computes_is_a_sentence_and_the_page_goes_on(monkeypatch) -> None:
    app = open_page(run=make_run(SMALL), view="backward", image="3")

    def crash(*_arguments: object, **_more: object) -> None:
        raise ProcessCrashed("TensorFlow crashed in this computation.")

    monkeypatch.setattr(computing, "run", crash)
    app.button(key="next_mistake").click().run()
    assert not app.exception, app.exception
    assert "TensorFlow crashed" in said(app) and app.query_params["image"] == "3"
    st.cache_resource.clear()
    app.button(key="next_image").click().run()
    assert not app.exception, app.exception
    assert "TensorFlow crashed" in said(app) and app.query_params["image"] == "4"


def test_a_link_opens_a_run_that_is_not_among_the_newest(monkeypatch) -> None:
    monkeypatch.setattr("pages.session.network_choice.RECENT_RUNS", 2)
    old, *_ = [make_run(SMALL, seeds=(0,)) for _ in range(4)]
    app = open_page(run=old, view="network")
    assert not app.exception and not app.warning
    assert app.query_params["run"] == old


def test_pruning_survives_a_look_at_another_view() -> None:
    app = open_page(run=make_run(SMALL), view="edit")
    app.slider(key="edit-prune-1").set_value(50).run()
    pruned = app.metric[0].value
    view = app.segmented_control(key="inspect-view")
    view.set_value("weights").run()
    app.segmented_control(key="inspect-view").set_value("edit").run()
    assert app.metric[0].value == pruned and app.slider(key="edit-prune-1").value == 50


def test_the_checkpoint_changes_what_is_read() -> None:
    run = make_run(SMALL, seeds=(0, 1, 2))
    last = open_page(run=run)
    first = open_page(run=run, step="0")
    assert not first.exception and not last.exception
    assert "step" not in last.query_params and first.query_params["step"] == "0"
    value = [m.value for m in last.markdown if m.value.startswith("**conv_1")]
    other = [m.value for m in first.markdown if m.value.startswith("**conv_1")]
    assert value and other and value != other
    first.button(key="checkpoint_next").click().run()
    assert first.query_params["step"] == "10"


def test_what_the_browser_has_not_heard_of_yet_is_no_wish() -> None:
    run = make_run(SMALL, seeds=(0, 1, 2, 3))
    app = open_page(run=run, step="0")
    at = f"inspect-checkpoint-{run}"
    old = app.select_slider(key=at)
    assert old.value == 0
    app.button(key="checkpoint_next").click().run()
    assert not app.exception and app.query_params["step"] == "10"
    new = app.select_slider(key=f"{at}-1")
    assert new.value == 10
    # The visitor's own move keeps the key, and with it the keyboard's focus.
    new.set_value(20).run()
    assert app.query_params["step"] == "20" and app.select_slider(key=f"{at}-1").value == 20
    app.button(key="next_image").click().run()
    assert app.query_params["image"] == "1" and app.number_input(key="inspect-index-1").value == 1


def test_play_shows_every_checkpoint_and_stops_at_the_last(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pages.views.inspect.chooser.time.monotonic", lambda: now[0])
    app = open_page(run=make_run(SMALL, seeds=(0, 1, 2, 3)))
    app.button(key="checkpoint_play").click().run()
    seen = [app.query_params["step"]]
    app.run()  # a request that comes too soon
    assert app.query_params["step"] == seen[0]
    while app.button(key="checkpoint_play").label == "Pause" and len(seen) < 9:
        now[0] += PLAY_SECONDS
        app.run()
        seen.append(app.query_params.get("step", "newest"))
    assert not app.exception, app.exception
    assert seen == ["0", "10", "20", "newest"]


def test_the_last_checkpoint_is_shown_once_a_run_has_ended() -> None:
    store, run = Store(), make_run(SMALL)
    app = open_page(run=run)
    last = tuple(build_model(SMALL.network, 2).get_weights())
    store.record(run, Snapshot(100, 1.0, last, 0.2))
    store.record(run, Finished(100, 1, 0.3, 0.9, "epochs", 2.0))
    network_choice.forget_choices()  # the checkpoints were read less than two seconds ago
    app.run()
    assert not app.exception
    assert app.select_slider[0].value == 100


def test_another_run_opens_at_its_newest_checkpoint() -> None:
    first, second = make_run(SMALL), make_run(SMALL)
    app = open_page(run=first, step="0")
    app.query_params.clear()
    app.query_params["run"] = second
    app.run()
    assert not app.exception and app.query_params["run"] == second
    assert "step" not in app.query_params


def test_a_link_with_an_image_shows_it_after_a_drawing() -> None:
    app = open_page(run="default")
    app.segmented_control(key="inspect-source").set_value("My drawing").run()
    app.query_params["image"] = "7"
    app.run()
    assert not app.exception and app.query_params["image"] == "7"
    assert "Draw a digit" not in said(app)


@pytest.mark.parametrize("view", ["backward", "robustness"])
def test_the_next_image_is_shown_without_a_spinner(monkeypatch, view: str) -> None:
    app = open_page(run=make_run(SMALL), view=view, image="5")
    said_to_wait: list[str] = []

    def spinner(_name: str, words: str) -> nullcontext[None]:
        said_to_wait.append(words)
        return nullcontext()

    monkeypatch.setattr(progress_notes, "spinner", spinner)
    app.button(key="next_image").click().run()
    assert app.query_params["image"] == "6" and not said_to_wait


def test_choosing_a_digit_shows_one() -> None:
    app = open_page(run=make_run(SMALL), image="0")  # a 7
    app.selectbox(key="inspect-digit").set_value(3).run()
    assert app.query_params["image"] == "18"  # the first 3
    app.selectbox(key="inspect-digit").set_value("any").run()
    assert app.query_params["image"] == "18"


def test_without_a_drawing_the_page_says_how_to_make_one() -> None:
    app = open_page(run=make_run(SMALL), image="3")
    app.segmented_control(key="inspect-source").set_value("My drawing").run()
    assert not app.exception, app.exception
    assert "Draw a digit on the paper" in said(app) and "image" not in app.query_params
    app.segmented_control(key="inspect-source").set_value("Test image").run()
    assert app.query_params["image"] == "3" and "Draw a digit" not in said(app)


def test_backward_opens_on_an_image_that_is_misread() -> None:
    run = make_run(SMALL, seeds=(0,))
    app = open_page(run=run, view="backward")
    assert not app.exception, app.exception
    images = mnist.ink(mnist.load().x_test[:400])
    read = build_model(SMALL.network, 0)(images[..., None]).numpy().argmax(1)
    wrong = np.flatnonzero(read != mnist.load().y_test[:400])
    assert app.query_params["image"] == str(wrong[0])
    # What somebody has chosen stays.
    right = int(np.flatnonzero(read == mnist.load().y_test[:400])[0])
    assert open_page(run=run, view="backward", image=str(right)).query_params["image"] == str(right)


def test_a_run_without_weights_is_a_sentence() -> None:
    run = Store().create_run(SMALL)
    app = open_page(run=run)
    assert not app.exception
    assert "kept no weights yet" in said(app)


def test_a_deleted_run_is_a_sentence_and_the_page_goes_on() -> None:
    app = open_page(run=make_run(SMALL))
    gone = app.query_params["run"]
    Store().delete(gone)
    st.cache_resource.clear()
    app.run()
    assert not app.exception, app.exception
    assert "no longer here" in said(app)
    assert app.query_params["run"] == "default"


def test_a_diverged_run_says_at_which_step() -> None:
    run = make_run(SMALL)
    store = Store()
    weights = [w.copy() for w in build_model(SMALL.network, 0).get_weights()]
    weights[0][0, 0, 0, 0] = np.nan
    losses = np.array([2.0, 3.0, np.nan], np.float32)
    store.record(run, Steps(11, losses, losses * 0, 0.1, 1, 1.0, 100))
    store.record(run, Snapshot(13, 0.13, tuple(weights), 0.1))
    store.record(run, Failed(13, 1, "The loss was no longer a number."))
    app = open_page(run=run)
    assert not app.exception, app.exception
    assert "diverged at step 13" in said(app)
    app.button(key="checkpoint_back").click().run()
    assert not app.exception and not app.error


@pytest.mark.parametrize(
    "query",
    [
        {"view": "[press](http://example.org) ![p](http://example.org/p.png)"},
        {"image": "-1"},
        {"image": "x"},
        {"step": "1e9"},
        {"step": "9" * 5000},
    ],
)
def test_a_wrong_address_is_a_sentence(query: dict[str, str]) -> None:
    app = open_page(**{"run": "default", **query})
    assert not app.exception
    assert len(app.warning) == 1 and "example.org" not in app.warning[0].value


def test_changes_by_hand_follow_and_can_be_put_back() -> None:
    app = open_page(run=make_run(SMALL), view="edit")
    before = app.metric[0].value
    app.slider(key="edit-prune-1").set_value(99).run()
    assert not app.exception, app.exception
    assert app.metric[0].delta and "points" in app.metric[0].delta
    assert any("99" in caption.value for caption in app.caption)
    app.button(key="put_back").click().run()
    assert app.metric[0].value == before and not app.metric[0].delta


def test_one_weight_is_typed_over_and_taken_back() -> None:
    app = open_page(run=make_run(SMALL), view="edit")
    field = next(box for box in app.number_input if box.label == "The marked weight")
    trained = field.value
    field.set_value(50.0).run()
    assert not app.exception, app.exception
    assert "is 50." in said(app) and app.metric[0].delta
    # Another filter, and back: what was typed is still there.
    app.number_input(key="edit-unit-of-conv_1-1").set_value(1).run()
    app.number_input(key="edit-unit-of-conv_1-1").set_value(0).run()
    again = next(box for box in app.number_input if box.label == "The marked weight")
    assert again.value == 50.0
    next(button for button in app.button if (button.key or "").startswith("take-back-")).click()
    app.run()
    again = next(box for box in app.number_input if box.label == "The marked weight")
    assert again.value == trained and not app.metric[0].delta


def test_weights_that_break_the_network_are_a_sentence() -> None:
    network = Experiment.from_query(
        "layers=flatten;" + ";".join(["dense(units:1,activation:linear)"] * 7) + "&epochs=1"
    )
    app = open_page(run=make_run(network), view="edit")
    for layer in [f"dense_{at}" for at in range(2, 9)]:
        app.selectbox(key="edit-weights-of-1").set_value(layer).run()
        label = "The bias" if layer == "dense_2" else "The marked weight"
        next(box for box in app.number_input if box.label == label).set_value(1e300).run()
    assert not app.exception, app.exception
    assert "no longer numbers" in said(app) and "is 1e+06" in said(app)


def test_the_fooling_slider_starts_where_the_network_is_fooled() -> None:
    from pages.views.inspect.robustness import first_that_fools

    assert first_that_fools(0.302) == pytest.approx(0.305)
    assert first_that_fools(0.305) == pytest.approx(0.305)
    assert first_that_fools(0.0) == pytest.approx(0.005)
    assert first_that_fools(0.4999) == 0.5


@pytest.mark.parametrize(
    ("step", "epoch", "accuracy", "label"),
    [
        (0, 0.0, 0.1, "before training"),
        (11, 11 / 891, 0.552, "epoch 0.01 · step 11 · ≈ 55.2%"),
        (480, 1.5, 0.9612, "epoch 1.5 · step 480 · ≈ 96.1%"),
        (1782, 2.0, 0.9905, "epoch 2 · step 1,782 · 99.05%"),
        (1782, 2.0, None, "epoch 2 · step 1,782"),
    ],
)
def test_a_checkpoint_says_when_its_accuracy_is_an_estimate(step, epoch, accuracy, label) -> None:
    assert snapshot_label("run", SnapshotInfo(step, epoch, accuracy, 0)) == label


def test_the_end_of_an_epoch_shows_the_accuracy_that_train_shows(home) -> None:
    app = open_page(run=ended_run(Store()))
    slider = next(item for item in app.select_slider if item.label == "Checkpoint")
    assert slider.options == [
        "before training", "epoch 1 · step 10 · 80.00%", "epoch 2 · step 20 · 85.00%"
    ]  # fmt: skip
