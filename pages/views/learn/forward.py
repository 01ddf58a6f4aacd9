"""Chapter 5: from pixels to an answer, number by number."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.figures.lesson.forward import SOFTMAX, Flow, forward_drawing
from mnist_core.figures.lesson.tables import grid, rows_table, sign, tables
from mnist_core.lesson.recordings import POOLED, small_net
from pages.session.lesson_digit import LessonDigit, lesson_digit
from pages.views.learn.diagram import diagram
from pages.views.learn.digit import choose_digit
from pages.views.learn.network import compute
from pages.views.learn.parts import Chapter, Link, Option, Question, side_by_side, train_link
from pages.views.learn.words import factor, tex
from pages.widgets.player import player

FIRST = "o"  # at first the output for the digit itself is chosen
STAGES = ("Pixels", "Hidden neurons", "Logits", "Probabilities")


QUESTION = Question(
    "Nothing changes in the network and you show it the same image again. The answer …",
    (
        Option(
            "… is the same",
            "A forward pass is plain arithmetic: the same image and the same weights "
            "give the same numbers. Only training changes weights.",
            right=True,
        ),
        Option(
            "… is a little better: it has seen the image before",
            "Looking is not learning. A forward pass changes no weight; that takes a "
            "backward pass and a step, the next two chapters.",
        ),
        Option(
            "… differs a little, by chance",
            "There is no chance in a forward pass. Chance chooses the first weights and "
            "the order of training images.",
        ),
    ),
)


def chapter() -> Chapter:
    """The chapter's content."""
    net = small_net()
    hidden, output = net.layers
    count = net.experiment.network.parameters
    digit = lesson_digit()
    return Chapter(
        text=f"""
The **forward pass** is the way from an image to an answer. Each layer does the same arithmetic as
a single neuron, and hands its outputs on:

$$
\\mathbf{{z}} = \\mathbf{{x}} W + \\mathbf{{b}} \\qquad \\mathbf{{a}} = \\varphi(\\mathbf{{z}})
$$

This network was trained for real, but is small enough to check every number. It averages
{POOLED}×{POOLED} pixels each, has {hidden.weights.shape[1]} hidden ReLU neurons and
{output.weights.shape[1]} outputs: {count} parameters, and reads {net.test_accuracy:.0%} of the test
images correctly.

The ten output sums are called **logits**. **Softmax** turns them into **probabilities**: positive,
and adding up to 1.

$$
p_k = \\frac{{e^{{z_k}}}}{{\\sum_j e^{{z_j}}}}
$$
""",
        figure=figure,
        try_this="Click any neuron to see its sum written out. Which hidden neuron does most for "
        "the right digit? Which speaks against it?",
        question=QUESTION,
        links=(
            train_link("Train this small network", net.experiment),
            Link(
                "pages/inspect.py",
                "Follow your digit through a deep network",
                {"run": "default", "view": "network", **digit.inspect_query},
            ),
        ),
    )


@st.fragment
def figure() -> None:
    """The network with all its numbers; the clicked part's arithmetic beside it."""
    digit = choose_digit()
    flow = compute(digit.image)
    best = int(flow.shares.argmax())
    chosen = st.session_state.get("flow_part", FIRST)
    if chosen == FIRST:
        chosen = f"o{best if digit.label is None else digit.label}"

    def press(name: str) -> None:
        st.session_state.flow_part = name

    drawing, beside = side_by_side("flow", 5, 3)
    with drawing:
        diagram(
            forward_drawing(flow, chosen),
            "flow_drawing",
            f"{digit.name} on its way through the network, which reads a {best} with "
            f"{flow.shares[best]:.0%}. Click a neuron to see its sum.",
            press,
            clock="forward",
        )
        player("forward", SOFTMAX, 4.5, run=digit.image.tobytes(), label="Layer", names=STAGES)
    if chosen == "pixels":
        _pixels(digit, flow, beside)
    elif chosen.startswith("h"):
        _hidden(flow, int(chosen[1:]), beside)
    else:
        _output(flow, int(chosen[1:]), beside)


def _pixels(digit: LessonDigit, flow: Flow, beside: DeltaGenerator) -> None:
    beside.markdown(
        f"**The pixels.** Each is the mean of {POOLED}×{POOLED} pixels of the image, from 0 "
        "(black) to 1 (white)."
    )
    row, column = np.unravel_index(int(flow.pixels.argmax()), flow.pixels.shape)
    at = (int(row), int(column))
    patch = digit.image[
        at[0] * POOLED : (at[0] + 1) * POOLED, at[1] * POOLED : (at[1] + 1) * POOLED
    ]
    st.html(
        tables(
            grid(patch / 255.0, "the brightest patch"),
            sign("→"),
            grid(flow.pixels, "what the network sees", chosen=at),
        )
    )


def _hidden(flow: Flow, unit: int, beside: DeltaGenerator) -> None:
    layer = small_net().layers[0]
    weights = layer.weights[:, unit].reshape(flow.pixels.shape)
    products = flow.pixels * weights
    total, bias = float(products.sum()), float(layer.bias[unit])
    with beside:
        st.markdown(
            f"**Hidden neuron {unit}.** {products.size} pixels times {products.size} weights; the "
            "products, added up, and the bias:"
        )
        st.latex(
            rf"\begin{{aligned}} z_{{{unit}}} &= {tex(total)} + {factor(bias)} = "
            rf"{tex(total + bias)} \\ a_{{{unit}}} &= \max(0, z_{{{unit}}}) = "
            rf"{tex(float(flow.hidden[unit]))} \end{{aligned}}"
        )
    st.html(
        tables(
            grid(flow.pixels, "pixels", digits=1),
            sign("×"),
            grid(weights, "its weights", digits=1),
            sign("="),
            grid(products, "products", digits=1),
        )
    )


def _output(flow: Flow, digit: int, beside: DeltaGenerator) -> None:
    layer = small_net().layers[1]
    weights, bias = layer.weights[:, digit], float(layer.bias[digit])
    rows = [
        (f"hidden {unit}", (float(value), float(weight), float(value * weight)))
        for unit, (value, weight) in enumerate(zip(flow.hidden, weights, strict=True))
    ]
    rows.append(("1 × bias", (1.0, bias, bias)))
    powers = np.exp(flow.logits)
    with beside:
        st.markdown(f"**Output {digit}.** {len(flow.hidden)} products and the bias make the logit:")
        st.html(
            tables(
                rows_table(
                    ("", "output", "weight", "product"),
                    rows,
                    total=("logit", float(flow.logits[digit])),
                )
            )
        )
    st.markdown("Softmax makes it a probability, together with the other nine:")
    st.latex(
        rf"p_{{{digit}}} = \frac{{e^{{{tex(float(flow.logits[digit]))}}}}}"
        rf"{{e^{{{tex(float(flow.logits[0]))}}} + \dots + e^{{{tex(float(flow.logits[-1]))}}}}}"
        rf" = \frac{{{tex(float(powers[digit]))}}}{{{tex(float(powers.sum()))}}}"
        rf" = {flow.shares[digit]:.1%}".replace("%", r"\%")
    )
