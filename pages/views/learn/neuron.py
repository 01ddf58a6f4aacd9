"""Chapter 1: what a neuron computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from mnist_core import Experiment, NetworkSpec
from mnist_core.experiment.activations import ACTIVATIONS as ACTIVATION_VALUES
from mnist_core.experiment.layers import Flatten
from mnist_core.figures.lesson.neuron import REACH, neuron_drawing, plane
from mnist_core.lesson.numpy_net import Layer, forward
from pages.views.learn.diagram import diagram
from pages.views.learn.parts import Chapter, Link, Option, Question, side_by_side, train_link
from pages.widgets.live_figure import live_figure

GRID = 41
FIRST = {"neuron_x1": 1.0, "neuron_x2": 2.0, "neuron_w1": 1.0, "neuron_w2": -0.5, "neuron_b": 0.0}
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
$w_i$ of its own, adds the products and one more number, the **bias** $b$:

$$
z = w_1 x_1 + w_2 x_2 + b
$$

Then an **activation** $\\varphi$ bends the sum $z$ into the **output** $a = \\varphi(z)$; the
**sigmoid**, say, presses it between 0 and 1.

A weight says how much an input counts, and whether it speaks for (blue) or against (orange).
The points where $z = 0$ form a straight line, the **decision line**: on one side the neuron says
yes, on the other no. The weights turn that line; the bias pushes it away from the origin.

With a 28×28 image there are {28 * 28} inputs instead of two, and nothing else changes. Ten such
neurons, one a digit, are a small **network** already. It has {parameters:,} weights and biases;
**training** finds good values for them.
""",
        figure=figure,
        try_this="Find weights and a bias so that every blue point lies on the blue side. Then set "
        "both inputs to zero: which control still changes $z$?",
        question=QUESTION,
        links=(
            train_link("Train ten neurons on digits", TEN_NEURONS),
            Link(
                "pages/inspect.py",
                "See one neuron’s products in a real network",
                {"run": "default", "view": "network", "layer": "logits", "image": "0"},
            ),
        ),
    )


@st.fragment
def figure() -> None:
    """The neuron, its controls, and the plane."""
    for key, value in FIRST.items():
        st.session_state.setdefault(key, value)
    drawing, picture = side_by_side("neuron", 1, 1)
    _sliders()
    with drawing:
        place = st.container()
        activation = _activation()
    x1, x2, w1, w2, bias = (float(st.session_state[key]) for key in FIRST)
    neuron = Layer(np.array([[w1], [w2]]), np.array([bias]), activation)
    passed = forward([neuron], np.array([[x1, x2]]))
    total, output = float(passed.sums[0][0, 0]), float(passed.outputs[1][0, 0])
    with place:
        diagram(
            neuron_drawing(
                np.array([x1, x2]), neuron.weights[:, 0], bias, total, output,
                ACTIVATIONS[activation],
            ),
            "neuron_drawing",
            f"A neuron: inputs {x1:g} and {x2:g}, weights {w1:g} and {w2:g}, bias {bias:g}, "
            f"sum {total:.2f}, output {output:.2f}.",
        )  # fmt: skip
        st.latex(
            rf"\begin{{aligned}} z &= {_tex(w1)} \cdot {_tex(x1)} + {_tex(w2)} \cdot {_tex(x2)}"
            rf" + {_tex(bias)} \\ &= {total:.2f} \\ a &= \varphi({total:.2f}) = {output:.2f}"
            rf" \end{{aligned}}"
        )
    with picture:
        _plane(neuron, (x1, x2))


def _sliders() -> None:
    """Weights and bias in one row, the inputs in the next."""
    names = {
        "neuron_w1": "Weight $w_1$",
        "neuron_w2": "Weight $w_2$",
        "neuron_b": "Bias $b$",
        "neuron_x1": "Input $x_1$",
        "neuron_x2": "Input $x_2$",
    }

    def no_input() -> None:
        st.session_state.neuron_x1 = st.session_state.neuron_x2 = 0.0

    rows = [st.columns(3, vertical_alignment="bottom") for _ in range(2)]
    *places, last = [column for row in rows for column in row]
    for place, (key, label) in zip(places, names.items(), strict=True):
        place.slider(label, -REACH, REACH, step=0.1, key=key, persist_state="session")
    last.button("Both inputs to zero", key="neuron_zero", on_click=no_input, width="stretch")


def _activation() -> str:
    return st.segmented_control(
        "Activation",
        list(ACTIVATIONS),
        format_func=ACTIVATIONS.__getitem__,
        default="sigmoid",
        required=True,
        key="neuron_bend",
        help="The next chapter is about them.",
    )


def _plane(neuron: Layer, here: tuple[float, float]) -> None:
    points, blue = two_groups()
    says = forward([neuron], points).sums[0][:, 0] > 0
    right = int((says == blue).sum())
    axis = np.linspace(-REACH, REACH, GRID)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    output = forward([neuron], grid).outputs[1].reshape(GRID, GRID)
    undecided = float(ACTIVATION_VALUES[neuron.activation].value(np.zeros(1))[0])
    live_figure(
        plane(output, points, blue, decision_line(neuron), here, undecided),
        "neuron_plane",
        f"The plane of both inputs: {right} of {len(points)} points lie on their side of the "
        "decision line.",
        on_click=_move_input,
    )
    found = right == len(points)
    mark = ":material/check_circle: " if found else ""
    st.markdown(
        f"{mark}**{right} of {len(points)}** points lie on their own side. "
        "Press in the plane to move the input."
    )


def _move_input(point: dict[str, Any]) -> None:
    for key, value in (("neuron_x1", point["x"]), ("neuron_x2", point["y"])):
        st.session_state[key] = float(np.clip(round(float(value), 1), -REACH, REACH))


def two_groups(count: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """`count` orange points and as many blue ones [n, 2], and which are blue [n].

    A line parts them, but none through the origin: a bias is needed.
    """
    generator = np.random.default_rng(3)
    points = generator.uniform(-0.93 * REACH, 0.93 * REACH, (50 * count, 2))
    side = points @ np.array([0.8, 1.0]) - 1.3
    both = np.concatenate([points[side < -0.5][:count], points[side > 0.5][:count]])
    return both, np.arange(2 * count) >= count


def decision_line(neuron: Layer) -> tuple[np.ndarray, np.ndarray] | None:
    """Two points (their x₁, their x₂) on the line z = 0, far apart; None without a line."""
    (w1, w2), bias = neuron.weights[:, 0], float(neuron.bias[0])
    length = float(np.hypot(w1, w2))
    if length == 0:
        return None
    foot = -bias * np.array([w1, w2]) / length**2
    along = np.array([-w2, w1]) / length * 20
    ends = np.stack([foot - along, foot + along])
    return ends[:, 0], ends[:, 1]


def _tex(value: float) -> str:
    text = f"{value:.1f}"
    return f"({text})" if value < 0 else text
