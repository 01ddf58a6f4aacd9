"""Chapter 2: why neurons bend their sums."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.experiment.layers import LEAK, Dense, Flatten
from mnist_core.figures.lesson.activations import activation_curves, stack_curve
from mnist_core.lesson.numpy_net import ACTIVATIONS, Layer, collapse, forward
from pages.views.learn.parts import Chapter, Option, Question, side_by_side, train_link
from pages.views.learn.words import factor, plain, tex
from pages.widgets.live_figure import live_figure

REACH, WIDTH, DEPTHS = 4.0, 6, (1, 8)
DEEP = 10  # layers that the text multiplies slopes over


@dataclass(frozen=True)
class Note:
    """An activation's name, its formulas in LaTeX, and a sentence about it."""

    title: str
    value: str
    slope: str
    about: str


NOTES = {
    "linear": Note("linear", "z", "1", "No activation at all: the sum goes on as it is."),
    "sigmoid": Note(
        "sigmoid",
        r"\sigma(z) = \frac{1}{1 + e^{-z}}",
        r"\sigma(z)\,(1 - \sigma(z))",
        "Squeezes every sum between 0 and 1. Far from 0 it is flat: hardly any slope is left.",
    ),
    "tanh": Note(
        "tanh",
        r"\tanh z",
        r"1 - \tanh^2 z",
        "A sigmoid from −1 to 1, steeper in the middle and centred on 0.",
    ),
    "relu": Note(
        "ReLU",
        r"\max(0, z)",
        r"\begin{cases}1 & z > 0\\0 & z \le 0\end{cases}",
        "Half of it is flat, half of it is straight; cheap, and its slope of 1 never fades.",
    ),
    "leaky_relu": Note(
        "leaky ReLU",
        rf"\max({LEAK:g} z, z)",
        rf"\begin{{cases}}1 & z > 0\\{LEAK:g} & z \le 0\end{{cases}}",
        "A ReLU that lets a little through below 0, so that no neuron falls silent for good.",
    ),
    "elu": Note(
        "ELU",
        r"\begin{cases}z & z > 0\\e^z - 1 & z \le 0\end{cases}",
        r"\begin{cases}1 & z > 0\\e^z & z \le 0\end{cases}",
        "Like ReLU above 0; below, it bends smoothly towards −1.",
    ),
    "gelu": Note(
        "GELU",
        r"z\,\Phi(z)",
        r"\Phi(z) + z\,\Phi'(z)",
        "z times the share of a normal distribution below z: a ReLU with a soft corner.",
    ),
    "swish": Note(
        "swish",
        r"z\,\sigma(z)",
        r"\sigma(z) + z\,\sigma(z)\,(1 - \sigma(z))",
        "z times its sigmoid: another ReLU with a soft corner, also called SiLU.",
    ),
}

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
        list(NOTES),
        format_func=lambda key: NOTES[key].title,
        default="relu",
        required=True,
        key="bend",
    )
    alone, together = side_by_side("bend", 1, 1)
    with alone:
        _one(name, NOTES[name])
    with together:
        _stack(name, NOTES[name])


def _one(name: str, note: Note) -> None:
    activation = ACTIVATIONS[name]
    z = np.linspace(-REACH, REACH, 161)
    at = float(st.session_state.get("bend_z", 1.0))
    here = np.array([at])
    out, slope = float(activation.value(here)[0]), float(activation.derivative(here)[0])
    live_figure(
        activation_curves(z, activation.value(z), activation.derivative(z), (at, out, slope)),
        "bend_curves",
        f"{note.title} and its derivative. At z = {at:g} it is {out:.3f} with slope {slope:.3f}.",
    )
    st.slider("Sum $z$", -REACH, REACH, 1.0, 0.1, key="bend_z")
    st.latex(
        rf"\begin{{aligned}} \varphi(z) &= {note.value} & \varphi({tex(at, 1)}) &= {tex(out, 3)} \\"
        rf"\varphi'(z) &= {note.slope} & \varphi'({tex(at, 1)}) &= {tex(slope, 3)}"
        rf" \end{{aligned}}"
    )
    st.caption(note.about)


def _stack(name: str, note: Note) -> None:
    depth = int(st.session_state.get("stack_depth", 3))
    layers = stack(depth, name)
    x = np.linspace(-2, 2, 121)
    output = forward(layers, x[:, None]).outputs[-1][:, 0]
    one = collapse(layers) if name == "linear" else None
    same = None if one is None else forward([one], x[:, None]).outputs[-1][:, 0]
    what = f"{depth} layer{'s' * (depth > 1)} of {WIDTH} {note.title} neurons"
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
