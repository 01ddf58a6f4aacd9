"""Chapter 3: neurons side by side make a layer, layers in a row a network."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.data.mnist import ink
from mnist_core.experiment.layers import Dense, Flatten
from mnist_core.experiment.shapes import CLASSES, total_parameters
from mnist_core.figures.architecture import architecture
from mnist_core.figures.lesson.forward import GROWN, growth_drawing
from mnist_core.figures.lesson.layers import response_bars
from mnist_core.figures.pixels import Images, Pixel
from mnist_core.lesson.numpy_net import forward
from mnist_core.lesson.recordings import PAIR, Neurons, neurons
from pages.views.learn.diagram import diagram
from pages.views.learn.digit import NO_PAPER, choose_digit
from pages.views.learn.network import compute
from pages.views.learn.parts import Chapter, Link, Option, Question, open_link, train_link
from pages.views.learn.words import as_text
from pages.widgets.live_figure import live_figure
from pages.widgets.pixel_view import Click, pixel_view
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
Neurons side by side form a **layer**; their weights are a matrix $W$ with a column a neuron:

$$
\\mathbf{{a}} = \\varphi(\\mathbf{{x}} W + \\mathbf{{b}})
$$

Layers in a row form a **network**. What a **hidden layer** between image and outputs should do,
nobody says; training finds out. In a **dense** layer every neuron sees every output of the layer
before. **Flatten** puts the rows of pixels in one line.

Blue pixels speak for a neuron, orange ones against it. These {units} hidden neurons read
{found.net.test_accuracy:.1%} of the **test** images, which training never saw.

All weights and biases are the **parameters**: $(n + 1) \\cdot m$ in a dense layer of $m$ neurons
on $n$ inputs.
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
    chosen = int(st.session_state.setdefault("net_neuron", clearest(found)))
    answers = forward(found.net.layers, digit.image.reshape(1, -1) / 255.0).outputs[1][0]
    weights = found.net.layers[0].weights.T.reshape(-1, 28, 28).astype(np.float32)

    def press(click: Click) -> None:
        st.session_state.net_neuron = click.image

    pixel_view(
        [
            Images(
                "weights",
                f"What {len(weights)} hidden neurons look for",
                weights,
                note=f"their weights after training; below each, its output for "
                f"{digit.name[0].lower()}{digit.name[1:]}",
                captions=tuple(as_text(float(answer), 1) for answer in answers),
                noun="neuron",
                selected=Pixel(chosen, 0, 0),
                largest=2,
            )
        ],
        "net_weights",
        f"The weights of {len(weights)} hidden neurons as pictures; neuron {chosen} is chosen.",
        press,
    )
    _one_neuron(found, chosen, weights[chosen])


def clearest(found: Neurons) -> int:
    """The neuron that answers most to one digit alone, of those that also vote for it."""
    shares = found.means / np.maximum(found.means.sum(axis=1, keepdims=True), 1e-9)
    votes_for_it = found.means.argmax(axis=1) == found.net.layers[1].weights.argmax(axis=1)
    return int(np.where(votes_for_it, shares.max(axis=1), 0).argmax())


def _one_neuron(found: Neurons, chosen: int, weights: np.ndarray) -> None:
    means, votes = found.means[chosen], found.net.layers[1].weights[chosen]
    pictures, bars = st.columns([2, 3], gap="medium")
    with pictures:
        pixel_view(
            [
                Images("one", f"Neuron {chosen}", weights[None], largest=3, noun="weight"),
                Images(
                    "favourites",
                    "Excited most by",
                    ink(found.favourites[chosen][:SHOWN_FAVOURITES]),
                    palette="ink",
                    noun="test image",
                    largest=2,
                ),
            ],
            "net_one",
            f"The weights of neuron {chosen}, and the test images that excite it most.",
        )
    with bars:
        live_figure(
            response_bars(means, votes),
            "net_responses",
            f"Neuron {chosen} answers most to the digit {int(means.argmax())}.",
        )
    most, least = int(votes.argmax()), int(votes.argmin())
    st.caption(
        f"On average it answers most to a {int(means.argmax())}. Its strongest weights say: "
        f"“more likely a {most}” ({as_text(float(votes[most]))}), “less likely a {least}” "
        f"({as_text(float(votes[least]))})."
    )
