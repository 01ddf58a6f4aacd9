"""The live view: frames hold what an independent forward pass gives, and cost nothing unwatched."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pytest

from mnist_core import PRESETS, Experiment
from mnist_core.data import mnist
from mnist_core.engine.live_frames import LiveFrames
from mnist_core.model.build import build_model
from mnist_core.training.control import Control
from mnist_core.training.live_view import MOST_BYTES, View, blocks, pack, snapshot_frame
from mnist_core.training.loop import train


def unpack(message: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, np.ndarray]]]:
    """The header of a packed frame, and each panel's arrays by name, as the script unpacks them."""
    header = json.loads(message["header"])
    data, start, panels = message["data"], 0, []
    for about in header["panels"]:
        arrays = {}
        for name in ("maps", "kernels", "edges"):
            if name in about:
                shape, scale = about[name]["shape"], about[name]["scale"]
                levels = np.frombuffer(data, np.int8, math.prod(shape), start)
                arrays[name] = levels.reshape(shape).astype(np.float32) * np.float32(scale)
                start += levels.size
        panels.append(arrays)
    return header, panels


@pytest.fixture(scope="module")
def digit() -> View:
    data = mnist.load()
    return View(data.x_test[0].tobytes(), int(data.y_test[0]))


def small(layers: str, epochs: int = 1) -> Experiment:
    settings = {"training_images": "1050", "batch_size": "100", "epochs": str(epochs)}
    return Experiment.from_query({"layers": layers, **settings})


@pytest.mark.parametrize("name", PRESETS)
def test_a_frame_of_any_preset_is_a_small_message(name: str) -> None:
    network = PRESETS[name].network
    weights = build_model(network, seed=1).get_weights()
    view = View(np.full((28, 28), 99, np.uint8).tobytes(), gradients=name == "best")
    message = pack(snapshot_frame(network, weights, view, 7))
    assert len(message["header"]) + len(message["data"]) < MOST_BYTES
    header, panels = unpack(message)
    assert header["step"] == 7 and len(panels) == len(blocks(network))
    assert sum(header["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_a_frame_is_what_an_independent_forward_pass_gives(digit: View) -> None:
    from mnist_core.inspection.activations import probe

    network = PRESETS["cnn"].network
    weights = build_model(network, seed=3).get_weights()
    header, panels = unpack(pack(snapshot_frame(network, weights, digit, 0)))
    image = np.frombuffer(digit.image, np.uint8).reshape(1, 28, 28).astype(np.float32) / 255
    own = probe(network)
    names = [layer.name for layer in own.layers]
    outputs = dict(zip(names, own.outputs(weights, image), strict=True))
    np.testing.assert_allclose(header["probabilities"], outputs["probabilities"][0], atol=1e-4)
    for about, arrays in zip(header["panels"], panels, strict=True):
        layer = {"conv_1": "conv_1:relu", "conv_3": "conv_3:relu", "output": "logits"}
        wanted = np.moveaxis(outputs[layer.get(about["name"], about["name"])][0], -1, 0)
        wanted = wanted[about["shown"]]
        np.testing.assert_allclose(arrays["maps"], wanted, atol=1.01 * about["maps"]["scale"])
    kernel = weights[0].mean(axis=2)[..., header["panels"][0]["shown"]]
    scale = header["panels"][0]["kernels"]["scale"]
    np.testing.assert_allclose(panels[0]["kernels"], np.moveaxis(kernel, -1, 0), atol=1.01 * scale)


def test_gradients_are_those_of_the_loss(digit: View) -> None:
    """Against central differences in an independent implementation of the network."""
    network = small("flatten;dense(units:6,activation:tanh)").network
    kernel, bias, out, out_bias = build_model(network, seed=2).get_weights()
    image = np.frombuffer(digit.image, np.uint8).astype(np.float64) / 255

    def loss(out: np.ndarray) -> float:
        logits = np.tanh(image @ kernel + bias) @ out + out_bias
        return float(np.log(np.exp(logits).sum()) - logits[digit.label])

    view = View(digit.image, digit.label, gradients=True)
    frame = snapshot_frame(network, [kernel, bias, out, out_bias], view, 0)
    edges = frame.panels[-1].edges
    assert edges is not None and edges.shape == (6, 10)
    for i, j in ((0, 0), (3, digit.label), (5, 9)):
        step = np.zeros(out.shape)
        step[i, j] = 1e-4
        slope = (loss(out + step) - loss(out - step)) / 2e-4
        assert edges[i, j] == pytest.approx(slope, abs=1e-4)


def test_training_makes_frames_only_for_those_who_look(digit: View) -> None:
    experiment = small("flatten;dense(units:8)", epochs=2)
    plain = list(train(experiment))
    control = Control()
    control.send(views=[digit.to_message()])
    watched = list(train(experiment, control=control))
    frames = [event for event in watched if event.kind == "live"]
    assert not [event for event in plain if event.kind == "live"] and frames
    assert {event.view for event in frames} == {digit.key}
    # Looking changes nothing of what is computed.
    curves = [
        np.concatenate([event.loss for event in events if event.kind == "steps"])
        for events in (plain, watched)
    ]
    np.testing.assert_array_equal(*curves)
    # A frame shows the network as it was at the snapshot of the same step.
    snapshots = {event.step: event for event in watched if event.kind == "snapshot"}
    both = [event for event in frames if event.step in snapshots]
    assert both
    for event in both:
        header, _ = unpack({"header": event.header, "data": event.data})
        weights = snapshots[event.step].weights
        again = snapshot_frame(experiment.network, weights, digit, event.step)
        np.testing.assert_allclose(header["probabilities"], again.probabilities, atol=1e-4)


def test_a_paused_run_shows_one_frame_and_stands_still(digit: View) -> None:
    control = Control()
    control.send(views=[digit.to_message()], pause=True)
    experiment = small("flatten;dense(units:8)")
    seen = []
    for event in train(experiment, control=control):
        seen.append(event.kind)
        if event.kind == "live":
            control.send(stop=True)
    assert seen.count("live") == 1


def test_frames_are_kept_for_those_who_ask_and_forgotten_after(monkeypatch, digit: View) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    frames, other = LiveFrames(), View(digit.image, gradients=True)
    assert frames.look("run", digit) is None and frames.wanted("run") == (digit,)
    message = {"view": digit.key, "header": "{}", "data": b""}
    frames.keep("run", message)
    frames.keep("run", message | {"view": "nobody's"})
    assert frames.look("run", digit) == {"header": "{}", "data": b""}
    clock[0] += 2
    frames.look("run", other)
    assert set(frames.wanted("run")) == {digit, other}
    clock[0] += 2
    assert frames.wanted("run") == (other,)
    clock[0] += 4
    assert frames.wanted("run") == () and frames.look("run", digit) is None
