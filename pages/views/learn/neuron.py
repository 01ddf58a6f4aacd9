"""Chapter 1: what a neuron computes."""

from __future__ import annotations

import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.experiment.layers import Flatten
from mnist_core.figures.lesson.neuron import NEURON_CSS, NEURON_JS, neuron_data
from mnist_core.lesson.recordings import PAIR, pair_of, pairs
from pages.session.lesson_digit import lesson_digit
from pages.views.learn.digit import choose_digit
from pages.views.learn.network import pixels_of
from pages.views.learn.parts import Chapter, Link, Option, Question, train_link

# To begin with: the zeros and ones are not parted yet.
FIRST = {"w1": 1.0, "w2": 1.0, "b": -0.5}
ACTIVATIONS = {"sigmoid": "sigmoid", "relu": "ReLU", "tanh": "tanh", "linear": "none"}
TEN_NEURONS = Experiment(network=NetworkSpec(layers=(Flatten(),)), name="Ten neurons, no more")


QUESTION = Question(
    "Both inputs are 0. What decides the neuron’s sum?",
    (
        Option(
            "The weights",
            "Each weight is multiplied by an input of 0, so that it adds nothing, "
            "however large it is.",
        ),
        Option(
            "The bias alone",
            "All products are 0, and z = b is left. Without a bias, a black image would "
            "always give 0, and each decision line would have to pass through the origin.",
            right=True,
        ),
        Option(
            "Nothing: the sum is always 0",
            "It would be, without a bias. The bias is added whatever the inputs are.",
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    parameters = TEN_NEURONS.network.parameters
    return Chapter(
        text=f"""
A **neuron** turns several numbers into one. It multiplies each **input** $x_i$ by a **weight**
$w_i$ of its own, adds the products and one more number, the **bias** $b$. Then an **activation**
$\\varphi$ bends the sum $z$ into the **output** $a$; the **sigmoid**, say, squeezes it between 0
and 1:

$$
z = w_1 x_1 + w_2 x_2 + b \\qquad a = \\varphi(z)
$$

A weight says how much an input counts, and whether for (blue) or against (orange). Here the
inputs are two pixels of your digit, and the neuron is to tell ones from zeros. Its
**decision line** runs where $z = 0$: the weights turn it, the bias moves it.

With all {28 * 28} pixels nothing else changes. Ten such neurons, one a digit, already are a small
**network** with {parameters:,} weights and biases; **training** finds good values for them.
""",
        figure=figure,
        try_this="Find weights and a bias that put every one on the blue side. Then set both "
        "inputs to 0: which control still changes $z$?",
        question=QUESTION,
        links=(
            train_link("Train ten neurons on digits", TEN_NEURONS),
            Link(
                "pages/inspect.py",
                "See one neuron’s products in a real network",
                {
                    "run": "default",
                    "view": "network",
                    "layer": "logits",
                    **lesson_digit().inspect_query,
                },
            ),
        ),
    )


@st.fragment
def figure() -> None:
    """The neuron on two pixels of the digit, its sliders, and the plane of both pixels."""
    digit, known = choose_digit(), pairs()
    x1, x2 = pair_of(digit.image)
    mount = st.components.v2.component(
        "mnist_lab.neuron",
        html='<div class="frame"><div class="figure"></div></div>',
        css=NEURON_CSS,
        js=NEURON_JS,
    )
    alt = (
        f"{digit.name} as 7 by 7 pixels. Two of them, with brightness {x1:.2f} and {x2:.2f}, are "
        "the inputs of a neuron with two weights and a bias."
    )
    mount(
        key="neuron",
        data=neuron_data(
            pixels_of(digit.image), PAIR, known.points, known.ones, ACTIVATIONS, FIRST, alt
        ),
    )
