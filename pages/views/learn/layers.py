"""Chapter 3: neurons side by side make a layer, layers in a row a network."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.experiment.layers import Dense, Flatten
from mnist_core.experiment.shapes import CLASSES, total_parameters
from mnist_core.figures.architecture import architecture
from mnist_core.figures.lesson.forward import GROWN, growth_drawing
from mnist_core.figures.lesson.layers import NEURON_CSS, neuron_panel
from mnist_core.figures.pixels import Images, Pixel
from mnist_core.lesson.numpy_net import forward
from mnist_core.lesson.recordings import PAIR, Neurons, neurons
from pages.views.learn.diagram import diagram, panels
from pages.views.learn.digit import NO_PAPER, choose_digit
from pages.views.learn.network import compute
from pages.views.learn.parts import Chapter, Link, Option, Question, open_link, train_link
from pages.views.learn.words import as_text
from pages.widgets.pixel_view import pixel_view
from pages.widgets.player import player

PIXELS = 28 * 28
SHOWN_FAVOURITES = 4
UNITS = (8, 16, 32, 64, 128, 256)


QUESTION = Question(
    f"A dense layer of 10 neurons sees a {PIXELS}-pixel image. How many parameters?",
    (
        Option(
            f"{PIXELS + 10:,}",
            "That would be one weight a pixel, shared by all. Each neuron has its own "
            f"{PIXELS} weights.",
        ),
        Option(f"{PIXELS * 10:,}", "Those are the weights. Each neuron also has a bias."),
        Option(
            f"{(PIXELS + 1) * 10:,}",
            f"{PIXELS} weights and a bias for each of ten neurons: "
            f"({PIXELS} + 1) · 10 = {(PIXELS + 1) * 10:,}.",
            right=True,
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    found = neurons()
    units = found.net.layers[0].weights.shape[1]
    return Chapter(
        text=f"""
Neurons side by side form a **layer**; their weights are a matrix $W$ with one column per neuron:

$$
\\mathbf{{a}} = \\varphi(\\mathbf{{x}} W + \\mathbf{{b}})
$$

Layers in a row form a **network**. What a **hidden layer** between image and outputs should do,
nobody says; training finds out. In a **dense** layer every neuron sees every output of the layer
before. **Flatten** puts the rows of pixels in one line.

Blue pixels speak for a neuron, orange ones against it. These {units} hidden neurons read
{found.net.test_accuracy:.1%} of the **test** images, which training never saw.

All weights and biases are the **parameters**: $(n + 1) \\cdot m$ in a dense layer of $m$ neurons
with $n$ inputs.
""",
        figure={
            "What hidden neurons look for": responses,
            "From a neuron to a network": growth,
            "Count parameters": parameters,
        },
        try_this="Click neurons: find one that wants a stroke in a certain place, and see which "
        "digits excite it. Then watch the neuron of chapter 1 grow into a network.",
        question=QUESTION,
        links=(
            train_link(f"Train these {units} hidden neurons", found.net.experiment),
            Link(
                "pages/inspect.py",
                "Look at a network’s weights",
                {"run": "default", "view": "weights"},
            ),
        ),
    )


@st.fragment
def growth() -> None:
    """Chapter 1's neuron grows into the network that runs in chapters 5 and 6."""
    digit = choose_digit(NO_PAPER)
    flow = compute(digit.image)
    pixels, hidden, outputs = flow.pixels.size, len(flow.hidden), len(flow.logits)
    one, layer = pixels + 1, (pixels + 1) * hidden
    diagram(
        growth_drawing(flow, PAIR),
        "growth_drawing",
        f"A neuron on two pixels becomes a network of {hidden} hidden neurons and {outputs} "
        "outputs.",
        clock="growth",
    )
    player(
        "growth",
        GROWN,
        6,
        run=digit.image.tobytes(),
        label="Stage",
        names=(
            "A neuron on 2 pixels: 2 weights + 1 bias = 3 parameters",
            f"The same on all {pixels} pixels: {pixels} + 1 = {one} parameters",
            f"{hidden} of them are a layer: {hidden} · {one} = {layer} parameters",
            f"Ten outputs on top: {layer} + {outputs} · ({hidden} + 1) = "
            f"{layer + outputs * (hidden + 1)} parameters",
        ),
    )


@st.fragment
def parameters() -> None:
    """A network's drawing with its parameters, counted as its layers change."""
    left, right = st.columns(2)
    depth = left.slider("Hidden layers", 0, 3, 1, key="net_depth")
    units = right.select_slider("Neurons in each", UNITS, 32, key="net_units")
    network = NetworkSpec(layers=(Flatten(), *[Dense(units=units)] * depth))
    shapes = network.shapes()
    st.html(architecture(shapes))
    sizes = [PIXELS, *[units] * depth, CLASSES]
    terms = [f"({sizes[i]} + 1) \\cdot {sizes[i + 1]}" for i in range(len(sizes) - 1)]
    total = f"{total_parameters(shapes):,}".replace(",", "{,}")
    st.latex(" + ".join(terms) + rf" = \mathbf{{{total}}}")
    open_link(train_link("Train exactly this network", Experiment(network=network)))


@st.fragment
def responses() -> None:
    """The hidden neurons of a trained network, and what the chosen one responds to."""
    digit, found = choose_digit(), neurons()
    first = clearest(found)
    answers = forward(found.net.layers, digit.image.reshape(1, -1) / 255.0).outputs[1][0]
    weights = found.net.layers[0].weights.T.reshape(-1, 28, 28).astype(np.float32)
    pixel_view(
        [
            Images(
                "weights",
                f"Weights of {len(weights)} hidden neurons",
                weights,
                note=f"below each, its output for {digit.name[0].lower()}{digit.name[1:]}; "
                "click one",
                captions=tuple(as_text(float(answer), 1) for answer in answers),
                noun="neuron",
                selected=Pixel(first, 0, 0),
                largest=2,
            )
        ],
        "net_weights",
        f"The weights of {len(weights)} hidden neurons as pictures.",
        choice="neuron",
    )
    panels("neuron", "net_neuron", _panels(), str(first), NEURON_CSS)


@st.cache_resource(show_spinner=False)
def _panels() -> dict[str, str]:
    """The panel of each hidden neuron, by its number."""
    found = neurons()
    votes = found.net.layers[1].weights
    return {
        str(unit): neuron_panel(
            unit, found.means[unit], votes[unit], found.favourites[unit][:SHOWN_FAVOURITES]
        )
        for unit in range(len(votes))
    }


def clearest(found: Neurons) -> int:
    """The neuron that answers most to one digit alone, of those that also vote for it."""
    shares = found.means / np.maximum(found.means.sum(axis=1, keepdims=True), 1e-9)
    votes_for_it = found.means.argmax(axis=1) == found.net.layers[1].weights.argmax(axis=1)
    return int(np.where(votes_for_it, shares.max(axis=1), 0).argmax())
