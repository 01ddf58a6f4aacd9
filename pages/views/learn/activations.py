"""Chapter 2: why neurons bend their sums."""

from __future__ import annotations

import itertools

import numpy as np
import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.experiment.activations import ACTIVATIONS
from mnist_core.experiment.layers import Dense, Flatten
from mnist_core.figures.lesson.activations import activation_curves, stack_curve
from mnist_core.lesson.numpy_net import Layer, collapse, forward
from pages.views.learn.parts import Chapter, Option, Question, side_by_side, train_link
from pages.views.learn.style import LAPTOP
from pages.views.learn.words import as_text, factor, tex
from pages.widgets.live_figure import live_figure
from pages.widgets.player import player

REACH, Z_STEP = 4.0, 0.1
WIDTH, DEEPEST, SHOWN_FIRST = 6, 8, 3  # neurons a layer, layers of the deepest stack, at first
DEEP = 10  # layers that the text multiplies slopes over


_LINEAR = Dense(units=64, activation="linear")
LINEAR_STACK = Experiment(
    network=NetworkSpec(layers=(Flatten(), _LINEAR, _LINEAR, _LINEAR)),
    name="Four linear layers: no better than one",
)
BENT = Dense(units=64)
BENT_STACK = Experiment(
    network=NetworkSpec(layers=(Flatten(), BENT, BENT, BENT)),
    name="The same four layers with ReLU",
)


QUESTION = Question(
    "Five layers with linear activations, or one: which can learn more?",
    (
        Option(
            "Five: they have more weights",
            "They have more weights, but the product of five matrices is again one "
            "matrix. Whatever the five compute, one layer computes as well.",
        ),
        Option(
            "Neither: they compute the same kind of function",
            "Five matrices multiplied are one matrix. Without a bend in between, depth "
            "adds weights and arithmetic, but no new shapes.",
            right=True,
        ),
        Option(
            "One: a stack of five is always worse",
            "It is not worse at what it can express: exactly the same functions. It is "
            "only slower to compute.",
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    steepest = float(ACTIVATIONS["sigmoid"].derivative(np.zeros(1))[0])
    return Chapter(
        text=f"""
A neuron without an activation is **linear**: it draws a straight line. Put linear neurons side by
side in **layers**, and layers in a row, and nothing is gained:

$$
(x W_1) W_2 = x\\,(W_1 W_2) = x W
$$

The product of two matrices is one matrix: the stack **collapses** into a single layer. An
activation in between prevents that. One corner, as in **ReLU**, is enough to bend the line
wherever it needs to.

Its **derivative** $\\varphi'(z)$, the slope of the curve, says how much of a small change of $z$
gets through. The **gradient**, which tells a weight how to change, comes back through these
slopes, one factor a layer. The sigmoid’s slope is at most {steepest:g}: those of {DEEP} layers
multiply to at most ${tex(steepest**DEEP, 3)}$. That is the **vanishing gradient**.
""",
        figure=figure,
        try_this="Choose **linear** and add layers: the line turns, but stays a line. Then choose "
        "ReLU. Which activations still have a slope at $z = -3$?",
        question=QUESTION,
        links=(
            train_link("Train four linear layers", LINEAR_STACK),
            train_link("The same layers with ReLU", BENT_STACK),
        ),
    )


@st.fragment
def figure() -> None:
    """An activation and its derivative; below it a stack of layers that uses it."""
    name = st.pills(
        "Activation",
        list(ACTIVATIONS),
        format_func=lambda key: ACTIVATIONS[key].title,
        default="relu",
        required=True,
        key="bend",
    )
    alone, together = side_by_side("bend", 1, 1)
    with alone:
        _one(name)
    with together:
        _stack(name)


def _one(name: str) -> None:
    activation = ACTIVATIONS[name]
    z = np.linspace(-REACH, REACH, round(2 * REACH / Z_STEP) + 1)
    value, slope = activation.value(z), activation.derivative(z)
    live_figure(
        activation_curves(z, value, slope),
        "bend_curves",
        f"{activation.title} and its derivative between z = {-REACH:g} and {REACH:g}.",
        grows_above=LAPTOP,
        clock="bend",
    )
    player(
        "bend",
        len(z) - 1,
        8,
        run=name,
        label="Sum z",
        names=[
            f"z = {as_text(at, 1)}: φ(z) = {as_text(out, 3)}, slope {as_text(steep, 3)}"
            for at, out, steep in zip(z.tolist(), value.tolist(), slope.tolist(), strict=True)
        ],
        start=round((REACH + 1) / Z_STEP),
        plays=False,
    )
    st.latex(
        rf"\begin{{aligned}} \varphi(z) &= {activation.formula} \\ "
        rf"\varphi'(z) &= {activation.slope} \end{{aligned}}"
    )
    st.caption(activation.about)


def _stack(name: str) -> None:
    title = ACTIVATIONS[name].title
    every = [stack(depth, name) for depth in range(1, DEEPEST + 1)]
    x = np.linspace(-2, 2, 121)
    outputs = [forward(layers, x[:, None]).outputs[-1][:, 0] for layers in every]
    collapsed = [collapse(layers) for layers in every] if name == "linear" else []
    same = [forward([one], x[:, None]).outputs[-1][:, 0] for one in collapsed]
    live_figure(
        stack_curve(x, outputs, same),
        "stack_curve",
        f"What stacks of 1 to {DEEPEST} layers of {WIDTH} {title} neurons make of one input: "
        + ("straight lines." if same else "bent curves."),
        grows_above=LAPTOP,
        clock="stack",
    )
    player(
        "stack",
        DEEPEST - 1,
        6,
        run=name,
        label="Layers in a row",
        names=[
            f"{depth} layer{'s' * (depth > 1)} of {WIDTH} neurons"
            for depth in range(1, DEEPEST + 1)
        ],
        start=SHOWN_FIRST - 1,
        plays=False,
    )
    if collapsed:
        gap = max(
            float(np.abs(one - all_of_it).max())
            for one, all_of_it in zip(same, outputs, strict=True)
        )
        one = collapsed[-1]
        st.markdown(
            f"All {DEEPEST} layers are one: $y = {tex(float(one.weights[0, 0]), 3)}\\,x + "
            f"{factor(float(one.bias[0]), 3)}$. However deep, stack and single layer differ by at "
            f"most ${tex(gap, 2)}$, which is rounding."
        )
    elif any((np.abs(np.diff(output, 2)) > 1e-9).any() for output in outputs):
        st.markdown("No single layer without an activation draws such a curve.")


def stack(depth: int, activation: str) -> list[Layer]:
    """`depth` layers of WIDTH neurons and one linear output, with fixed random weights.

    The output's weights are such that it varies by 1 for inputs from −2 to 2.
    """
    generator = np.random.default_rng(5)
    sizes = [1, *[WIDTH] * depth, 1]
    layers = []
    for place, (inputs, units) in enumerate(itertools.pairwise(sizes)):
        weights = generator.normal(0, np.sqrt(2 / inputs), (inputs, units))
        last = place == len(sizes) - 2
        layers.append(
            Layer(weights, generator.normal(0, 0.5, units), "linear" if last else activation)
        )
    made = forward(layers, np.linspace(-2, 2, 121)[:, None]).outputs[-1]
    varies = max(float(np.ptp(made)), 1e-9)
    output = layers[-1]
    scaled = Layer(output.weights / varies, (output.bias - made.mean()) / varies)
    return [*layers[:-1], scaled]
