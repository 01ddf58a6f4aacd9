"""Chapter 5: from pixels to an answer, number by number."""

from __future__ import annotations

import numpy as np
import streamlit as st

from mnist_core.figures.lesson.forward import SOFTMAX, Flow, forward_drawing
from mnist_core.figures.lesson.sums import SUMS_CSS, Sum, sums
from mnist_core.lesson.recordings import POOLED, small_net
from pages.session.lesson_digit import LessonDigit, lesson_digit
from pages.views.learn.diagram import diagram, panels
from pages.views.learn.digit import choose_digit
from pages.views.learn.network import compute
from pages.views.learn.parts import Chapter, Link, Option, Question, side_by_side, train_link
from pages.widgets.player import player

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
each block of {POOLED}×{POOLED} pixels, has {hidden.weights.shape[1]} hidden ReLU neurons and
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
    """The network with all its numbers; the chosen part's arithmetic beside it."""
    digit = choose_digit()
    flow = compute(digit.image)
    best = int(flow.shares.argmax())
    first = f"o{best if digit.label is None else digit.label}"
    found = _sums(digit, flow)
    drawing, beside = side_by_side("flow", 5, 3)
    with drawing:
        diagram(
            forward_drawing(flow),
            "flow_drawing",
            f"{digit.name} on its way through the network, which reads a {best} with "
            f"{flow.shares[best]:.0%}. Click a neuron to see its sum.",
            clock="forward",
            choice="flow",
            first=first,
        )
        player("forward", SOFTMAX, 4.5, run=digit.image.tobytes(), label="Layer", names=STAGES)
    with beside:
        panels("flow", "flow_beside", {name: sum_.beside for name, sum_ in found.items()}, first,
               SUMS_CSS)  # fmt: skip
    panels("flow", "flow_below", {name: sum_.below for name, sum_ in found.items()}, first,
           SUMS_CSS)  # fmt: skip


def _sums(digit: LessonDigit, flow: Flow) -> dict[str, Sum]:
    """The arithmetic of each part for a digit, with the patch of its brightest pixel."""
    row, column = np.unravel_index(int(flow.pixels.argmax()), flow.pixels.shape)
    at = (int(row), int(column))
    top, left = (POOLED * place for place in at)
    patch = digit.image[top : top + POOLED, left : left + POOLED] / 255.0
    hidden, output = small_net().layers
    return sums(flow, hidden.bias, output.bias, patch, at)
