"""Chapter 2: why neurons bend their sums."""

from __future__ import annotations

import itertools

import numpy as np
import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.experiment.activations import ACTIVATIONS, Activation
from mnist_core.experiment.layers import Dense, Flatten
from mnist_core.figures.lesson.activations import activation_curves, stack_curve
from mnist_core.lesson.numpy_net import Layer, collapse, forward
from pages.views.learn.parts import Chapter, Option, Question, side_by_side, train_link
from pages.views.learn.words import factor, plain, tex
from pages.widgets.live_figure import live_figure

REACH, WIDTH, DEPTHS = 4.0, 6, (1, 8)
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
A neuron without an activation is **linear**: its output is a straight line or a flat plane. Put
linear neurons side by side in **layers**, and layers in a row, and nothing is gained:

$$
(x W_1) W_2 = x\\,(W_1 W_2) = x W
$$

The product of two matrices is one matrix, so that the whole stack **collapses** into a single
layer. An activation between the layers prevents that. It need not be complicated: one corner, as
in **ReLU**, is enough for a stack to bend its line wherever it needs to.

Its **derivative** $\\varphi'(z)$, the slope of the curve, says how much a small change of $z$
gets through. The **gradient**, which tells a weight how to change, comes back through these slopes,
one factor a layer. The sigmoid’s slope is at most {steepest:g}: those of {DEEP} layers multiply to
at most ${tex(steepest**DEEP, 3)}$. That is the **vanishing gradient**.
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
        _one(ACTIVATIONS[name])
    with together:
        _stack(name, ACTIVATIONS[name])


def _one(activation: Activation) -> None:
    z = np.linspace(-REACH, REACH, 161)
    at = float(st.session_state.get("bend_z", 1.0))
    here = np.array([at])
    out, slope = float(activation.value(here)[0]), float(activation.derivative(here)[0])
    live_figure(
        activation_curves(z, activation.value(z), activation.derivative(z), (at, out, slope)),
        "bend_curves",
        f"{activation.title} and its derivative. At z = {at:g} it is {out:.3f} "
        f"with slope {slope:.3f}.",
    )
    st.slider("Sum $z$", -REACH, REACH, 1.0, 0.1, key="bend_z")
    st.latex(
        rf"\begin{{aligned}} \varphi(z) &= {activation.formula}"
        rf" & \varphi({tex(at, 1)}) &= {tex(out, 3)} \\"
        rf"\varphi'(z) &= {activation.slope} & \varphi'({tex(at, 1)}) &= {tex(slope, 3)}"
        rf" \end{{aligned}}"
    )
    st.caption(activation.about)


def _stack(name: str, activation: Activation) -> None:
    depth = int(st.session_state.get("stack_depth", 3))
    layers = stack(depth, name)
    x = np.linspace(-2, 2, 121)
    output = forward(layers, x[:, None]).outputs[-1][:, 0]
    one = collapse(layers) if name == "linear" else None
    same = None if one is None else forward([one], x[:, None]).outputs[-1][:, 0]
    what = f"{depth} layer{'s' * (depth > 1)} of {WIDTH} {activation.title} neurons"
    live_figure(
        stack_curve(x, output, same, what),
        "stack_curve",
        f"What {what} make of one input: " + ("a straight line." if one else "a bent curve."),
    )
    st.slider("Layers in a row", *DEPTHS, 3, key="stack_depth")
    if one is not None and same is not None:
        gap = float(np.abs(same - output).max())
        st.markdown(
            f"All of it is one layer: $y = {tex(float(one.weights[0, 0]), 3)}\\,x + "
            f"{factor(float(one.bias[0]), 3)}$. The two differ by at most ${tex(gap, 2)}$, "
            "which is rounding."
        )
    else:
        turns = int((np.abs(np.diff(output, 2)) > 1e-9).sum())
        corners = " No single layer without an activation draws this." if turns else ""
        st.markdown(f"The curve rises and falls by {plain(float(np.ptp(output)), 2)}.{corners}")


def stack(depth: int, activation: str) -> list[Layer]:
    """`depth` layers of WIDTH neurons and one linear output, with fixed random weights."""
    generator = np.random.default_rng(5)
    sizes = [1, *[WIDTH] * depth, 1]
    layers = []
    for place, (inputs, units) in enumerate(itertools.pairwise(sizes)):
        weights = generator.normal(0, np.sqrt(2 / inputs), (inputs, units))
        last = place == len(sizes) - 2
        layers.append(
            Layer(weights, generator.normal(0, 0.5, units), "linear" if last else activation)
        )
    return layers
