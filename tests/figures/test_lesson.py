"""The lesson's drawings: what they explain, and the sums that they unfold."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from mnist_core.figures.diagram import number
from mnist_core.figures.lesson import backward
from mnist_core.figures.lesson.convolution import convolution_data
from mnist_core.figures.lesson.forward import Back, Flow, forward_drawing
from mnist_core.figures.lesson.layers import neuron_panel
from mnist_core.figures.lesson.start import start_curves
from mnist_core.figures.lesson.sums import sums
from mnist_core.lesson.numpy_net import forward, pad, softmax
from mnist_core.lesson.recordings import DEEP_LAYERS, loss_curves, small_net

PIXELS = np.random.default_rng(3).uniform(size=(7, 7))


@pytest.fixture(scope="module")
def flow() -> Flow:
    hidden, output = small_net().layers
    passed = forward([hidden, output], PIXELS.reshape(1, -1))
    logits = passed.logits[0]
    return Flow(
        PIXELS, hidden.weights, passed.outputs[1][0], output.weights, logits, softmax(logits)
    )


def words(markup: str) -> str:
    """The text of HTML or MathML, without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", " ", markup))


def test_each_neuron_has_a_panel_with_its_own_sum(flow):
    hidden, output = small_net().layers
    found = sums(flow, hidden.bias, output.bias, PIXELS[:4, :4], (0, 0))
    z = PIXELS.reshape(-1) @ hidden.weights + hidden.bias
    assert set(found) == {
        "pixels",
        *(f"h{unit}" for unit in range(len(hidden.bias))),
        *(f"o{digit}" for digit in range(10)),
    }
    for unit, weighted in enumerate(z):
        said = words(found[f"h{unit}"].beside).split()
        assert number(float(weighted)) in said and number(max(0.0, float(weighted))) in said
    for digit, logit in enumerate(flow.hidden @ output.weights + output.bias):
        assert number(float(logit)) in words(found[f"o{digit}"].beside).split()
        assert f"{flow.shares[digit]:.1%}" in words(found[f"o{digit}"].below)


def test_every_part_of_the_network_is_explained_where_it_stands(flow):
    drawing = forward_drawing(flow)
    told = [html.unescape(tip) for tip in re.findall(r'data-tip="([^"]+)"', drawing)]
    units = len(flow.hidden)
    assert len(told) == 1 + units + 10 + 10 * units + 10  # pixels, neurons, edges, shares
    product = float(flow.hidden[2] * flow.output_weights[2, 4])
    assert any(f"= {number(product)}\n" in tip and tip.endswith("a 4") for tip in told)
    silent = int((flow.hidden == 0).sum())
    assert sum("ReLU makes it 0" in tip for tip in told) == silent


@pytest.mark.parametrize(
    ("gradient", "said", "advised"),
    [
        (0.2, "the loss rises with this sum", "lowering it lowers the loss"),
        (-0.2, "the loss falls as this sum rises", "raising it lowers the loss"),
        (0.0, "a small change of this sum does not change the loss",
         "a small change of it does not change the loss"),
    ],
)  # fmt: skip
def test_a_gradient_says_what_a_change_would_do(flow, gradient, said, advised):
    back = Back(4, np.full(10, gradient), np.full(len(flow.hidden), gradient), np.zeros((7, 7)))
    told = html.unescape(forward_drawing(flow, back))
    assert told.count(f"= {number(gradient, 3)}: {said}") == 10 + len(flow.hidden)
    assert backward._advice(gradient, "it") == advised


def test_a_pixel_of_the_padded_image_is_known_by_its_place_in_the_image():
    for stride, border in ((1, 1), (2, 0)):
        padded = pad(np.zeros((28, 28)), 3, stride, "same")
        data = convolution_data(
            "slide", "A 4", padded, np.ones((3, 3)), stride, np.zeros((28, 28)), None, "", ""
        )
        assert (data["border"], data["side"]) == (border, 28)


def test_a_hidden_neuron_s_panel_tells_its_strongest_votes():
    votes = np.linspace(-1.5, 1.2, 10)
    means = np.eye(10)[6] * 2.5
    panel = neuron_panel(4, means, votes, np.zeros((4, 28, 28), np.uint8))
    said = " ".join(words(panel).split())
    assert "Neuron 4 is excited most by" in said
    assert "1.20 for a 9, −1.50 against a 0." in said
    assert panel.count("bar best") == 1 and "Shown a 6: 2.50 on average" in panel


def test_recorded_losses_are_complete_at_the_last_layer():
    curves = {name: (curve.steps, curve.loss) for name, curve in loss_curves().items()}
    figure = start_curves(curves, "he_normal", float(np.log(10)), DEEP_LAYERS)
    for trace in figure.data:
        assert trace.meta["grows"] * DEEP_LAYERS == pytest.approx(len(trace.x) - 1)
